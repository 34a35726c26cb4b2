import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createKeyring } from '../../src/adapters/access/keyring.ts'
import { nodeSecrets } from '../../src/adapters/access/node-secrets.ts'
import { parseKey, writeKey } from '../../src/core/access/api-key.ts'
import { keysOf } from '../../src/core/access/registry.ts'
import { tempFolder } from '../adapters/temp-folder.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { type RunOptions, runCli } from '../support/run-cli.ts'

let server: ControlServer
const { secret } = nodeSecrets.make()
const root = writeKey({ id: 'root', secret })

beforeEach(async () => {
  const plain = { endpoints: null, rate: null, concurrencyMax: null, createdAtMs: 0, expiresAtMs: null }
  const key = { id: 'root', name: 'root', hash: nodeSecrets.hash(secret), role: 'admin', ...plain } as const
  const clock = { nowMs: () => Date.UTC(2026, 0, 1), every: () => () => {} }
  const keyring = createKeyring({ secrets: nodeSecrets, clock, fixed: [key] })
  server = await startControlServer({ access: keyring })
  server.control.subscribe(() => keyring.sync(keysOf(server.control.state())))
})
afterEach(() => server.close())

const cutover = (line: string, options: RunOptions = { env: { CUTOVER_API_KEY: root } }) =>
  runCli([...line.split(' '), '--server', server.url], options)

describe('the key of the command line', () => {
  it('comes from a flag, a variable, or a file', async () => {
    const cwd = tempFolder()
    writeFileSync(join(cwd, 'control.key'), `${root}\n`)
    const codes = [
      await cutover(`keys list --api-key ${root}`, {}),
      await cutover('keys list'),
      await cutover('keys list --api-key-file control.key', { cwd }),
      await cutover('keys list', { cwd, env: { CUTOVER_API_KEY_FILE: 'control.key' } }),
    ].map(({ code }) => code)
    expect(codes).toEqual([0, 0, 0, 0])
  })

  it('is asked for with what to do', async () => {
    const { code, err } = await cutover('get endpoints', {})
    expect([code, err]).toEqual([1, expect.stringContaining('Set CUTOVER_API_KEY; on the machine of the server')])
    expect(await cutover('get endpoints --api-key-file nowhere', {})).toMatchObject({
      code: 2,
      err: /cannot read the API key/,
    })
  })
})

describe('what is no key', () => {
  it('is told for that, not for one that is missing', async () => {
    const { code, err } = await cutover('keys list', { env: { CUTOVER_API_KEY: 'ck_wrong' } })
    expect([code, err]).toEqual([1, expect.stringContaining('What was sent is no key: one is ck_ID_SECRET.')])
  })

  it.each(['ck_a\nb', 'ck_ü', 'ck_a b'])('%j is not sent, and not shown', async key => {
    const { code, err } = await cutover('keys list', { env: { CUTOVER_API_KEY: key } })
    expect([code, err]).toEqual([2, expect.stringContaining('has characters that no key has')])
    expect(err).not.toContain('ck_')
  })
})

describe('cutover keys', () => {
  it('prints a new key alone on standard output, once, and says which of its endpoints are not there', async () => {
    const { code, out, err } = await cutover(
      'keys create app --endpoint digits fraud --rate 600/m --burst 20 --concurrency 5 --expires 30d',
    )
    expect([code, parseKey(out.trim())]).toEqual([0, expect.anything()])
    const notThere = ['digits', 'fraud'].map(
      name => `there is no endpoint ${name}: the key may call it once there is one of that name\n`,
    )
    expect(err).toBe(`key app (call): it is not shown again\n${notThere.join('')}`)
    const list = await cutover('keys list -o json')
    expect(JSON.parse(list.out).items).toMatchObject([
      { name: 'app', endpoints: ['digits', 'fraud'], rate: { perSecond: 10, burst: 20 }, concurrency: 5 },
    ])
    expect(list.out).not.toContain(parseKey(out.trim())?.secret)
    expect((await cutover('keys list')).out).toMatch(/^NAME .*\napp +\w+ +call +digits, fraud +10\/s +5 /)
  })

  it('rotates and revokes by name', async () => {
    const first = (await cutover('keys create ci --role operate')).out
    const { out, err } = await cutover('keys rotate ci --keep 0s')
    expect(out).not.toBe(first)
    expect(err).toContain('the old one ended')
    expect(await cutover('keys revoke ci')).toMatchObject({ code: 0, out: 'key ci revoked\n' })
    expect(await cutover('keys revoke ci')).toMatchObject({ code: 2, err: /there is no key ci/ })
    expect((await cutover('keys list')).out).toBe('no keys\n')
  })

  it.each([
    ['keys create app --rate fast', /--rate is not a rate/],
    ['keys create app --burst 3', /--burst belongs to --rate/],
    ['keys create app --role root', /call, read, operate, admin/],
    ['keys create app --concurrency many', /concurrency: is not/],
    ['keys create a/b', /name: is not a name/],
  ])('is refused: %s', async (line, message) => {
    expect(await cutover(line)).toMatchObject({ code: 2, err: message })
  })
})

it('applying a file of the server leaves its Server document to `serve`', async () => {
  const cwd = tempFolder()
  const env = { CUTOVER_API_KEY: root }
  writeFileSync(join(cwd, 'server.yaml'), 'kind: Server\n')
  expect(await cutover('apply -f server.yaml', { cwd, env })).toMatchObject({ code: 2, err: /read by `cutover serve`/ })
  const endpoint =
    'kind: Endpoint\nname: a\nprotocol: http\nstable: v1\nversions: { v1: { url: "http://127.0.0.1:1" } }\n'
  writeFileSync(join(cwd, 'both.yaml'), `kind: Server\n---\n${endpoint}`)
  const { code, out, err } = await cutover('apply -f both.yaml', { cwd, env })
  expect([code, out, err]).toEqual([0, 'Endpoint/a created\n', expect.stringContaining('Server document is left out')])
})
