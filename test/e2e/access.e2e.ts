/** Keys and TLS on a real server: the first key, what is on disk, a crash, certificates that change under load. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { freePort } from '../support/free-port.ts'
import { askSecurely, tlsFile } from '../support/tls.ts'
import { openWorkplace, root, until, type Workplace } from './process.ts'

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

/** Answers with the fields that may carry a key. */
async function modelServer(): Promise<string> {
  const server = createServer((req, res) => {
    const { authorization = null, 'x-api-key': key = null } = req.headers
    res.end(JSON.stringify({ authorization, key }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const endpointOn = (url: string) => `kind: Endpoint
name: fraud
protocol: http
stable: v1
versions: { v1: { url: "${url}", ready: { path: /health } } }
`

const bytesIn = (folder: string): string =>
  readdirSync(folder)
    .map(name => readFileSync(join(folder, name), 'latin1'))
    .join('\n')

describe('keys', () => {
  it('begin with the one in the data folder, are on disk as hashes, and outlive a crash', async () => {
    const config = place.write('cutover.yaml', endpointOn(await modelServer()))
    const words = ['-c', config, '--inference-auth', 'required', '--control-auth', 'required']
    const first = await place.serve(words)
    const file = join(place.folder, 'data/control.key')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await place.cutover(['get', 'endpoints'])).toMatchObject({ code: 1, stderr: /CUTOVER_API_KEY/ })
    const cutover = (...line: string[]) => place.cutover([...line, '--api-key-file', file])
    const { stdout, code } = await cutover('keys', 'create', 'app', '--endpoint', 'fraud')
    expect(code).toBe(0)
    const key = stdout.trim()
    const call = async (presented: string, url = first.inferenceUrl) => {
      const response = await fetch(`${url}/endpoints/fraud/predict`, {
        headers: { authorization: `Bearer ${presented}` },
      })
      return [response.status, await response.json()]
    }
    expect(await call(key)).toEqual([200, { authorization: null, key: null }])
    expect(await call(`${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`)).toMatchObject([
      401,
      { code: 'unauthenticated' },
    ])
    expect(await place.cutover(['get', 'endpoints', '--api-key', key])).toMatchObject({ code: 1, stderr: /role call/ })
    await first.kill()
    expect(bytesIn(join(place.folder, 'data'))).not.toContain(key.split('_').slice(2).join('_'))

    const second = await place.serve(words)
    expect(await call(key)).toEqual([200, { authorization: null, key: null }])
    expect((await cutover('keys', 'revoke', 'app')).code).toBe(0)
    expect(await call(key)).toMatchObject([401, {}])
    expect(await second.stop()).toBe(0)
    expect(existsSync(file)).toBe(false)
  })
})

describe('TLS', () => {
  it('serves both listeners, takes new certificates while it serves, and its command line speaks it', async () => {
    const [inference, control] = [await freePort(), await freePort()]
    const put = (name: string) => {
      copyFileSync(tlsFile(`${name}.crt`), join(place.folder, 'tls.crt'))
      copyFileSync(tlsFile(`${name}.key`), join(place.folder, 'tls.key'))
    }
    put('server')
    const tls = '{ cert: tls.crt, key: tls.key }'
    const config = place.write(
      'cutover.yaml',
      `kind: Server
data: data
log-level: info
inference: { port: ${inference}, tls: ${tls} }
control: { port: ${control}, auth: required, tls: ${tls} }
---
${endpointOn(await modelServer())}`,
    )
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: tlsFile('ca.crt') }
    const cutover = (...words: string[]) =>
      spawn(process.execPath, [join(root, 'bin/cutover.js'), ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const server = cutover('serve', '-c', config)
    onTestFinished(async () => {
      server.kill('SIGTERM')
      if (server.exitCode === null) await once(server, 'exit')
    })
    let said = ''
    server.stderr.on('data', chunk => {
      said += chunk
    })
    await until(async () =>
      said.includes(`inference https://127.0.0.1:${inference}  control https://127.0.0.1:${control}`),
    )
    const call = () => askSecurely(inference, { path: '/endpoints/fraud/predict', method: 'POST', body: '{}' })
    expect(await call()).toMatchObject({ status: 200, subject: 'cutover-test-server' })

    const list = cutover(
      'get',
      'endpoints',
      '--server',
      `https://127.0.0.1:${control}`,
      '--api-key-file',
      join(place.folder, 'data/control.key'),
    )
    let listed = ''
    list.stdout.on('data', chunk => {
      listed += chunk
    })
    expect((await once(list, 'exit'))[0]).toBe(0)
    expect(listed).toContain('fraud')

    put('renewed')
    let failed = 0
    const untilMs = Date.now() + limits.certificateLookMs + 10_000
    for (let subject = ''; subject !== 'cutover-test-renewed' && Date.now() < untilMs; ) {
      const reply = await call()
      if (reply.status !== 200) failed += 1
      subject = reply.subject
    }
    expect((await call()).subject).toBe('cutover-test-renewed')
    expect(failed).toBe(0)
    expect((await askSecurely(control, { path: '/healthz' })).subject).toBe('cutover-test-renewed')
    expect(said).toContain('the certificate was renewed')
  })
})
