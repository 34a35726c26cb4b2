import { describe, expect, it } from 'vitest'
import { parseDocuments } from '../../src/config/documents.ts'
import { loadSettings, type ServerFlags } from '../../src/config/load.ts'
import { serverSettingsIn } from '../../src/config/server-document.ts'
import { limits } from '../../src/core/limits.ts'
import { thrownBy } from '../support/thrown.ts'

const load = (flags: ServerFlags, env: Record<string, string> = {}) => loadSettings({ flags, env, cwd: '/srv' })

describe('server settings', () => {
  it('have defaults on loopback', () => {
    expect(load({})).toEqual({
      data: '/srv/cutover-data',
      database: null,
      advertise: null,
      peerPort: 0,
      inference: { host: '127.0.0.1', port: 8080, auth: 'none', tls: null, cors: null, connectionsMax: 10_000 },
      control: { host: '127.0.0.1', port: 8081, auth: 'none', tls: null, cors: null },
      grpc: null,
      logLevel: 'info',
      tracing: null,
      keepPredictionsMs: null,
      workers: 0,
      resources: null,
    })
  })

  it('take the number of workers from a flag, else a variable, else the file', () => {
    const file = serverSettingsIn(parseDocuments('kind: Server\nworkers: 4\n', { source: 'server.yaml' }))
    const workers = (flags: ServerFlags, env: Record<string, string>) =>
      loadSettings({ flags, env, cwd: '/srv', file }).workers
    expect([workers({ workers: '2' }, { CUTOVER_WORKERS: '3' }), workers({}, { CUTOVER_WORKERS: '3' })]).toEqual([2, 3])
    expect(workers({}, {})).toBe(4)
    for (const wrong of ['-1', '65', 'auto', '1.5']) {
      const { problems } = thrownBy(() => load({ workers: wrong }))
      expect(problems).toMatchObject([{ path: '--workers', value: wrong }])
    }
  })

  it('take a database from a flag, else a variable, else the file, and have a worker at least with one', () => {
    const urls = [
      'postgres://a@db/one',
      'postgresql://b:hush@db:5433/two?sslmode=require',
      'postgres://c@db/three',
    ] as const
    const file = serverSettingsIn(parseDocuments(`kind: Server\ndatabase: ${urls[2]}\n`, { source: 'server.yaml' }))
    const settings = (flags: ServerFlags, env: Record<string, string>) =>
      loadSettings({ flags, env, cwd: '/srv', file })
    expect(settings({ database: urls[0] }, { CUTOVER_DATABASE: urls[1] }).database).toBe(urls[0])
    expect(settings({}, { CUTOVER_DATABASE: urls[1] }).database).toBe(urls[1])
    expect(settings({}, {})).toMatchObject({ database: urls[2], workers: 1 })
    expect(settings({ workers: '3' }, {}).workers).toBe(3)
    expect(thrownBy(() => settings({ workers: '0' }, {})).problems).toMatchObject([
      { path: '--workers', value: '0', allowed: [expect.stringContaining('one at least')] },
    ])
  })

  it('refuse what is no address of a database, without telling the password in it', () => {
    for (const wrong of [
      'db',
      'mysql://a:hush@db/one',
      'postgres://a:hush@db',
      'postgres:///one',
      'postgres://a:hush@db/%zz',
    ]) {
      const { problems } = thrownBy(() => load({ database: wrong }))
      expect(problems).toMatchObject([{ path: '--database', message: 'is not the address of a database' }])
      expect(JSON.stringify(problems)).not.toContain('hush')
    }
    const inFile = () => serverSettingsIn(parseDocuments('kind: Server\ndatabase: db\n', { source: 'server.yaml' }))
    expect(thrownBy(inFile).problems).toMatchObject([{ path: 'server.yaml:2 database' }])
  })

  it('keep predictions for as long as flag, variable or file say: an hour at least, for ever by default', () => {
    const file = serverSettingsIn(parseDocuments('kind: Server\nkeep-predictions: 30d\n', { source: 'server.yaml' }))
    const kept = (flags: ServerFlags, env: Record<string, string> = {}) =>
      loadSettings({ flags, env, cwd: '/srv', file }).keepPredictionsMs
    expect([kept({}), kept({ keepPredictions: '90m' }), kept({}, { CUTOVER_KEEP_PREDICTIONS: '2d' })]).toEqual([
      ...[30 * 24 * 3_600_000, 5_400_000, 2 * 24 * 3_600_000],
    ])
    for (const wrong of ['59m', '0s', '-1h', '30', 'month']) {
      const { problems } = thrownBy(() => load({ keepPredictions: wrong }))
      expect(problems).toMatchObject([{ path: '--keep-predictions', value: wrong }])
    }
    const short = serverSettingsIn(parseDocuments('kind: Server\nkeep-predictions: 5m\n', { source: 'server.yaml' }))
    const { problems } = thrownBy(() => loadSettings({ flags: {}, env: {}, cwd: '/srv', file: short }))
    expect(problems).toMatchObject([{ path: 'server.yaml: keep-predictions', value: '5m' }])
  })

  it('take tracing from the file alone', () => {
    const text =
      'kind: Server\ntracing: { otlp: "http://127.0.0.1:4318/v1/traces", headers: { x-key: { env: KEY } } }\n'
    const file = serverSettingsIn(parseDocuments(text, { source: 'server.yaml' }))
    expect(loadSettings({ flags: {}, env: {}, cwd: '/srv', file }).tracing).toEqual({
      url: 'http://127.0.0.1:4318/v1/traces',
      samplePpm: 10_000,
      headers: { 'x-key': 'KEY' },
    })
  })

  it('come from variables, and from flags before those', () => {
    const env = { CUTOVER_DATA: '/data', CUTOVER_CONTROL_PORT: '9001', CUTOVER_CONFIG: 'c.yaml', CUTOVER_LOG_LEVEL: '' }
    expect(load({ controlPort: '9002' }, env)).toMatchObject({
      data: '/data',
      control: { port: 9002 },
      logLevel: 'info',
      resources: '/srv/c.yaml',
    })
  })

  it('are refused all at once, naming the flag or variable', () => {
    const { code, problems } = thrownBy(() => load({ inferencePort: '99999' }, { CUTOVER_LOG_LEVEL: 'loud' }))
    expect(code).toBe('invalid-request')
    expect(problems.map(({ path, value }) => [path, value])).toEqual([
      ['--inference-port', '99999'],
      ['CUTOVER_LOG_LEVEL', 'loud'],
    ])
  })

  it('refuse one port for both listeners, unless both are chosen freely', () => {
    expect(thrownBy(() => load({ controlPort: '8080' })).problems[0]?.path).toBe('--control-port')
    expect(load({ controlPort: '0', inferencePort: '0' })).toMatchObject({ control: { port: 0 } })
  })

  it('serve gRPC where it has a port, on loopback and apart from the others', () => {
    expect(load({ grpcPort: '9000' }).grpc).toEqual({ host: '127.0.0.1', port: 9000 })
    expect(load({}, { CUTOVER_GRPC_PORT: '0', CUTOVER_GRPC_HOST: '::1' }).grpc).toEqual({ host: '::1', port: 0 })
    const paths = (flags: ServerFlags) => thrownBy(() => load(flags)).problems.map(({ path }) => path)
    expect(paths({ grpcPort: '8080' })).toEqual(['--grpc-port'])
    expect(paths({ grpcPort: '8081' })).toEqual(['--grpc-port'])
    expect(paths({ grpcPort: 'x' })).toEqual(['--grpc-port'])
    expect(thrownBy(() => load({ grpcHost: '0.0.0.0', grpcPort: '9000' })).code).toBe('binding-refused')
  })

  it.each(['0.0.0.0', '::', '192.168.1.2', 'example.com', '127.evil.com', ''])(
    'refuse to bind %j while nothing authenticates',
    host => {
      const { code, message, problems } = thrownBy(() => load({ controlHost: host }))
      expect(code).toBe('binding-refused')
      expect(message).toMatch(/without authentication.*--control-auth required.*keys create.*proxy/s)
      expect(problems).toMatchObject([{ path: '--control-host', value: host }])
    },
  )

  it.each(['localhost', '::1', '127.0.0.2'])('bind %s', host => {
    expect(load({ controlHost: host }).control.host).toBe(host)
  })

  it('bind anywhere once keys are required, or certificates for inference', () => {
    expect(load({ controlHost: '0.0.0.0', controlAuth: 'required' }).control).toMatchObject({ auth: 'required' })
    expect(load({ inferenceHost: '::' }, { CUTOVER_INFERENCE_AUTH: 'required' }).inference.host).toBe('::')
    expect(thrownBy(() => load({ controlHost: '0.0.0.0', inferenceAuth: 'required' })).code).toBe('binding-refused')
    const file = fileOf('inference: { host: 0.0.0.0, tls: { cert: a.crt, key: a.key, client-ca: ca.crt } }')
    expect(loadSettings({ flags: {}, env: {}, cwd: '/srv', file }).inference.host).toBe('0.0.0.0')
    const open = fileOf('inference: { host: 0.0.0.0, tls: { cert: a.crt, key: a.key } }')
    expect(thrownBy(() => loadSettings({ flags: {}, env: {}, cwd: '/srv', file: open })).problems[0]).toMatchObject({
      path: '/srv/conf/cutover.yaml: inference.host',
      value: '0.0.0.0',
    })
  })

  it('come from the file where no flag or variable is given', () => {
    const file = fileOf('data: ../data', 'log-level: warn', 'control: { port: 9000, auth: required }')
    const sources = { env: { CUTOVER_LOG_LEVEL: 'error' }, cwd: '/srv', file }
    expect(loadSettings({ ...sources, flags: { controlPort: '9001' } })).toMatchObject({
      data: '/srv/data',
      logLevel: 'error',
      control: { port: 9001, auth: 'required' },
      inference: { port: 8080, auth: 'none' },
    })
  })

  it('bound the connections of callers as the file says, and by a number of their own where it says nothing', () => {
    const of = (...lines: string[]) =>
      loadSettings({ flags: {}, env: {}, cwd: '/srv', file: fileOf(...lines) }).inference.connectionsMax
    expect(of('inference: { connections: 20000 }')).toBe(20_000)
    expect(of(`inference: { connections: ${limits.callerConnectionsMax} }`)).toBe(limits.callerConnectionsMax)
    expect(of('data: x')).toBe(limits.callerConnections)
  })

  it('serve gRPC as the file says, to whom inference lets in', () => {
    const of = (...lines: string[]) => loadSettings({ flags: {}, env: {}, cwd: '/srv', file: fileOf(...lines) }).grpc
    expect(of('grpc: { port: 9000 }')).toEqual({ host: '127.0.0.1', port: 9000 })
    expect(of('inference: { auth: required }', 'grpc: { host: 0.0.0.0, port: 0 }')?.host).toBe('0.0.0.0')
    expect(of('data: x')).toBeNull()
    const refused = thrownBy(() => of('control: { auth: required }', 'grpc: { host: 0.0.0.0, port: 9000 }'))
    expect(refused.problems).toMatchObject([{ path: '/srv/conf/cutover.yaml: grpc.host', value: '0.0.0.0' }])
  })

  it('let no page of another origin steer releases without a key', () => {
    const file = fileOf('control: { cors: { origins: [https://app.example.com] } }')
    const { problems } = thrownBy(() => loadSettings({ flags: {}, env: {}, cwd: '/srv', file }))
    expect(problems.map(({ path }) => path)).toEqual(['control.cors'])
  })
})

describe('the Server document', () => {
  it('has its paths beside its file, and defaults for pages', () => {
    const file = fileOf(
      'inference:',
      '  tls: { cert: tls/a.crt, key: /run/a.key }',
      '  cors: { origins: ["*"], methods: [post] }',
    )
    expect(file?.inference.tls).toEqual({ cert: '/srv/conf/tls/a.crt', key: '/run/a.key', clientCa: null })
    expect(file?.inference.cors).toMatchObject({
      origins: ['*'],
      methods: ['POST'],
      credentials: false,
      maxAgeSeconds: 600,
    })
    // All that callers may send to Cutover itself, and what OpenFeature's provider for browsers asks again with.
    const own = ['x-cutover-unit', 'x-cutover-version', 'x-cutover-prediction-id']
    expect(file?.inference.cors?.headers).toEqual(expect.arrayContaining([...own, 'if-none-match']))
    expect(file?.inference.cors?.exposed).toEqual(expect.arrayContaining(['x-cutover-prediction-id', 'etag']))
  })

  it.each([
    ['inference: { tls: { cert: a.crt } }', 'inference.tls.key', 'is missing'],
    ['inference: { auth: maybe }', 'inference.auth', 'is not one of the known words'],
    ['inference: { port: 99999 }', 'inference.port', 'is too great'],
    ['inference: { connections: 0 }', 'inference.connections', 'is too small'],
    [`inference: { connections: ${limits.callerConnectionsMax + 1} }`, 'inference.connections', 'is too great'],
    ['control: { connections: 10 }', 'control.connections', 'is not a known key'],
    ['controll: {}', 'controll', 'is not a known key'],
    ['inference: { cors: { origins: [app.example.com] } }', 'inference.cors.origins[0]', 'is not an origin'],
    ['inference: { cors: { origins: ["*", "https://a.example"] } }', 'inference.cors.origins', 'has * beside others'],
    [
      'inference: { cors: { origins: ["*"], credentials: true } }',
      'inference.cors.origins',
      'cannot be * with credentials',
    ],
  ])('is refused for %s', (line, path, message) => {
    const { code, problems } = thrownBy(() => fileOf(line))
    expect(code).toBe('invalid-resource')
    expect(problems[0]?.path).toBe(`/srv/conf/cutover.yaml:2 ${path}`)
    expect(problems[0]?.message).toContain(message)
  })

  it('is one', () => {
    expect(thrownBy(() => fileOf('---', 'kind: Server')).message).toContain('two documents of the kind Server')
    expect(serverSettingsIn(parseDocuments('kind: Endpoint', { source: 'a.yaml' }))).toBeNull()
  })
})

function fileOf(...lines: string[]) {
  const source = '/srv/conf/cutover.yaml'
  return serverSettingsIn(parseDocuments(['kind: Server', ...lines].join('\n'), { source }))
}
