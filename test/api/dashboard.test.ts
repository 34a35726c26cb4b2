import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { readDashboard } from '../../src/main/dashboard-files.ts'
import type { Access } from '../../src/ports/access.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { call } from '../support/http.ts'

/** Beside the built folder lies what no path may lead to. */
const place = mkdtempSync(join(tmpdir(), 'cutover-dashboard-'))
const folder = join(place, 'dashboard')
const files = {
  'index.html': '<p>index',
  'assets/app-1a2b.js': 'go()',
  'assets/app-3c4d.css': 'a{}',
  'assets/m.svg': '<svg/>',
}
mkdirSync(join(folder, 'assets'), { recursive: true })
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
writeFileSync(join(folder, 'notes.txt'), 'not of the build')
writeFileSync(join(place, 'secret.js'), 'secret')

/** Refuses everybody. */
const closed: Access = {
  admit: () => ({
    principal: null,
    refusal: { code: 'unauthenticated', detail: 'no key', headers: ['www-authenticate', 'Bearer realm="cutover"'] },
  }),
  leave: () => {},
  stillLets: () => false,
}

let open: ControlServer
let locked: ControlServer
beforeAll(async () => {
  const dashboard = readDashboard(folder)
  open = await startControlServer({ dashboard })
  locked = await startControlServer({ dashboard, access: closed })
})
afterAll(async () => {
  await Promise.all([open.close(), locked.close()])
  rmSync(place, { recursive: true })
})

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const get = (path: string, headers: Record<string, string> = {}, of = open) =>
  call<string | Record<string, unknown>>(`${of.url}${path}`, { headers })

/** As it stands, past every client that would tidy the path up. */
function rawAnswer(path: string, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(open.port, '127.0.0.1', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\naccept: application/json\r\nconnection: close\r\n\r\n`)
    })
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
}

describe('the dashboard’s files', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', 'no-cache', '<p>index'],
    ['/index.html', 'text/html; charset=utf-8', 'no-cache', '<p>index'],
    ['/assets/app-1a2b.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable', 'go()'],
    ['/assets/app-3c4d.css', 'text/css; charset=utf-8', 'public, max-age=31536000, immutable', 'a{}'],
    ['/assets/m.svg', 'image/svg+xml', 'public, max-age=31536000, immutable', '<svg/>'],
  ])('%s is %s, %s', async (path, type, cache, text) => {
    const { status, headers, body } = await get(path, html)
    expect([status, headers.get('content-type'), headers.get('cache-control'), body]).toEqual([200, type, cache, text])
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('are given to HEAD without a body', async () => {
    const response = await fetch(`${open.url}/`, { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  })

  it('answer the addresses of pages to browsers, and refuse them to programs', async () => {
    for (const path of ['/advisor', '/releases/digits-1', '/a/b/c']) {
      expect((await get(path, html)).body).toBe('<p>index')
      expect(await get(path)).toMatchObject({ status: 404, body: { code: 'route-not-found' } })
    }
  })

  it('never stand in for the API, whatever a caller accepts', async () => {
    for (const path of ['/api', '/api/v1/nothing', '/api/v1/endpoints/nobody']) {
      expect((await get(path, html)).status).toBe(404)
    }
    expect((await get('/metrics', html)).body).toBe('cutover_up 1\n')
    expect((await get('/healthz', html)).body).toMatchObject({ status: 'ok' })
  })

  it('change nothing: other methods are refused', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect((await call(`${open.url}/`, { method, headers: html })).status).toBeGreaterThanOrEqual(404)
    }
  })

  it.each([
    '/../secret.js',
    '/assets/../../secret.js',
    '/%2e%2e/secret.js',
    '/assets/..%2f..%2fsecret.js',
    '/assets/%2e%2e%2f%2e%2e%2fsecret.js',
    '/..\\secret.js',
    '//secret.js',
    '/assets/',
    '/assets',
    '/notes.txt',
    '/constructor',
  ])('%s leads to none', async path => {
    const answer = await rawAnswer(path)
    expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
    expect(answer).not.toMatch(/^secret\r?$/m)
  })
})

describe('where keys are asked for', () => {
  it('the page needs none, and everything else still does', async () => {
    for (const path of ['/', '/advisor', '/assets/app-1a2b.js'])
      expect((await get(path, html, locked)).status).toBe(200)
    for (const path of ['/api/v1/endpoints', '/api/openapi.json', '/metrics', '/api/nothing', '/%61pi/v1/endpoints']) {
      expect([path, (await get(path, html, locked)).status]).toEqual([path, 401])
    }
    expect((await get('/nowhere', {}, locked)).status).toBe(401)
    expect((await call(`${locked.url}/`, { method: 'POST' })).status).toBe(401)
  })
})

describe('the guard of a listener without keys', () => {
  it('keeps pages under foreign names out too', async () => {
    expect(await rawAnswer('/', 'evil.example')).toMatch(/^HTTP\/1\.1 400/)
  })
})

describe('a folder', () => {
  it('that was not built is no dashboard, and the page says how to build it', async () => {
    expect(readDashboard(join(place, 'nothing'))).toBeUndefined()
    const bare = await startControlServer()
    const { status, body } = await call<string>(`${bare.url}/`)
    expect([status, body.includes('npm run build')]).toEqual([200, true])
    expect((await call(`${bare.url}/advisor`, { headers: html })).status).toBe(404)
    await bare.close()
  })

  it('with more than a dashboard has is refused', () => {
    const crowded = join(place, 'crowded')
    mkdirSync(crowded)
    writeFileSync(join(crowded, 'index.html'), '')
    for (let index = 0; index < limits.dashboardFilesMax; index++) writeFileSync(join(crowded, `${index}.js`), '')
    expect(() => readDashboard(crowded)).toThrow(`holds ${limits.dashboardFilesMax + 1} files`)
  })
})
