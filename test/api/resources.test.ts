import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { controlRig } from '../support/control.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { changed, digits, toV2 } from '../support/documents.ts'
import { call } from '../support/http.ts'

type Problems = { code: string; detail: string; problems: { path: string; value?: unknown; allowed?: string[] }[] }
type Applied = {
  dryRun: boolean
  changes: { action: string; resource: string; release: string | null; note: string }[]
}

let server: ControlServer
/** Behind it is a whole controller, which refuses what the one in memory takes. */
let judging: ControlServer
beforeEach(async () => {
  server = await startControlServer()
  judging = await startControlServer({ control: controlRig().controller })
})
afterEach(async () => {
  await server.close()
  await judging.close()
})

const url = (path: string) => `${server.url}/api/v1/${path}`
const apply = <Body = Applied>(body: unknown, query = '') => call<Body>(url(`apply${query}`), { json: body })
/** By the whole controller. */
const judge = <Body = Problems>(body: unknown, query = '') =>
  call<Body>(`${judging.url}/api/v1/apply${query}`, { json: body })
const versionsOf = async (name: string) => {
  const { body } = await call<{ versions?: { name: string }[] }>(`${judging.url}/api/v1/endpoints/${name}`)
  return body.versions?.map(version => version.name)
}
const endpointNames = () => Object.keys(server.control.state().endpoints)
const releaseIds = () => Object.keys(server.control.state().releases)

describe('applying documents', () => {
  it('creates endpoints and starts releases, whatever their order', async () => {
    const { status, body } = await apply([toV2, digits])
    expect(status).toBe(200)
    expect(body).toMatchObject({
      dryRun: false,
      changes: [
        { action: 'started', resource: 'Release/digits-1', release: 'digits-1' },
        { action: 'created', resource: 'Endpoint/digits', release: null },
      ],
    })
  })

  it('refuses a release that its endpoint has no room for, before the endpoint is made', async () => {
    const small = { ...digits, capacity: { instances: 3 } }
    const { status, body } = await judge({ documents: [small, toV2] })
    expect([status, body.code, body.problems[0]?.path]).toEqual([
      422,
      'preflight-refused',
      'documents[1].stages[0].canary',
    ])
    expect(await versionsOf('digits')).toBeUndefined()
  })

  it.each([
    ['is one too many', { to: 'v3' }, [409, 'release-conflict', ['documents[1]']]],
    [
      'waits for a flag that is not there',
      { to: 'v3', 'on-conflict': 'queue', flag: 'nope' },
      [400, 'invalid-resource', ['documents[1].flag']],
    ],
  ])(
    'changes no endpoint where the release that comes with it %s, and says so in a dry run',
    async (_, release, refusal) => {
      const { v3, ...before } = digits.versions
      await judge([{ ...digits, versions: before }])
      await judge([toV2])
      for (const query of ['?dryRun=true', '']) {
        const { status, body } = await judge({ documents: [digits, { ...toV2, ...release }] }, query)
        expect([status, body.code, body.problems.map(({ path }) => path)]).toEqual(refusal)
      }
      expect(await versionsOf('digits')).toEqual(['v1', 'v2'])
    },
  )

  it('tells of a release what it will take, on its endpoint as it will be', async () => {
    const { status, body } = await judge<{ changes: { action: string; forecast: unknown }[] }>(
      [digits, toV2],
      '?dryRun=true',
    )
    expect([status, body.changes]).toMatchObject([200, [{ action: 'created' }, { action: 'started', forecast: {} }]])
    expect(await versionsOf('digits')).toBeUndefined()
  })

  it('changes nothing in a dry run, and says what would change', async () => {
    const { body } = await apply({ documents: [digits, toV2] }, '?dryRun=true')
    expect(body).toMatchObject({ dryRun: true, changes: [{ action: 'created' }, { action: 'started', release: null }] })
    expect([endpointNames(), releaseIds()]).toEqual([[], []])
  })

  it('shows the difference to what is there', async () => {
    await apply([digits])
    const versions = { ...digits.versions, v4: { command: ['x', '{port}'], cwd: '/', env: { TOKEN: 'secret' } } }
    const { body } = await apply<{ changes: unknown[] }>([{ ...digits, versions }])
    expect(body.changes).toMatchObject([
      { action: 'updated', differences: [{ path: 'versions.v4', after: { name: 'v4' } }] },
    ])
    expect(JSON.stringify(body)).not.toContain('secret')
  })

  it('lists the faults of all documents at once and changes nothing', async () => {
    const documents = [
      digits,
      changed(digits, ['stable'], 'v9'),
      changed(toV2, ['stages', 0, 'canary', 'steps', 1], '1%'),
    ]
    const { status, headers, body } = await apply<Problems>({ documents })
    expect([status, headers.get('content-type'), body.code]).toEqual([
      400,
      'application/problem+json',
      'invalid-resource',
    ])
    expect(body.problems.map(({ path }) => path)).toEqual([
      'documents[1].stable',
      'documents[2].stages[0].canary.steps[1]',
    ])
    expect(endpointNames()).toEqual([])
  })

  it('leads into a bare array without a name before the index', async () => {
    const { body } = await apply<Problems>([{ ...digits, name: '-' }])
    expect(body.problems[0]?.path).toBe('[0].name')
  })

  it.each([
    ['a version that the release’s endpoint lacks', [digits, { ...toV2, to: 'v9' }], 400, 'documents[1].to'],
    [
      'a metric that it does not declare',
      [digits, { ...toV2, guardrails: { recall: { margin: '1pp' } } }],
      400,
      'documents[1].guardrails.recall',
    ],
    ['one endpoint twice', [digits, digits], 400, 'documents[1]'],
    ['two releases of one endpoint', [digits, toV2, { ...toV2, to: 'v3' }], 400, 'documents[2]'],
  ])('refuses %s before anything changes', async (_, documents, status, path) => {
    const answer = await judge({ documents })
    expect([answer.status, answer.body.problems.map(problem => problem.path)]).toEqual([status, [path]])
    expect(await versionsOf('digits')).toBeUndefined()
  })

  it('leads what the controller refuses to its document', async () => {
    await apply([digits])
    const other = changed({ ...digits, name: 'other' }, ['name'], 'other')
    const changedModel = changed(digits, ['versions', 'v1', 'onnx'], '/models/other.onnx')
    const { status, body } = await apply<Problems>({ documents: [other, changedModel] })
    expect([status, body.code, body.problems[0]?.path]).toEqual([409, 'version-immutable', 'documents[1].versions.v1'])
    expect(endpointNames()).toEqual(['digits'])
  })

  it('says when a release is what is there already', async () => {
    await apply([digits])
    const { body } = await apply([{ ...toV2, to: 'v1' }])
    expect(body.changes).toMatchObject([{ action: 'unchanged', release: null }])
  })

  it('applies one after another what comes at once', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => apply([digits])))
    expect(answers.map(({ body }) => body.changes[0]?.action)).toEqual(['created', 'unchanged', 'unchanged'])
  })

  it.each([
    ['nothing', undefined],
    ['no documents', { documents: [] }],
    ['something else', { resources: [] }],
    ['a lone document', digits],
  ])('refuses a body of %s', async (_, body) => {
    const answer = await call<Problems>(url('apply'), { method: 'POST', ...(body !== undefined && { json: body }) })
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid-request'])
  })

  it.each([
    ['POST', 'endpoints?dryrun=true', ['dryRun']],
    ['POST', 'apply?dry-run=true', ['dryRun']],
    ['POST', 'releases?dryRun=true&wait=1', ['dryRun']],
    ['POST', 'flags/ranker/undo?rev=1', ['dryRun', 'revision']],
    ['DELETE', 'endpoints/digits?dryRun=true', []],
    ['POST', 'releases/digits-1/abort?dryRun=true', []],
    ['GET', 'predictions/summary?from=v1', ['endpoint', 'by', 'release', 'since', 'until']],
    ['GET', 'events?limti=1', ['after', 'limit', 'release']],
  ])('%s %s is refused for what the query says, with what it may say', async (method, path, allowed) => {
    await apply([digits, toV2])
    const json = method === 'POST' ? { ...digits, name: 'other' } : undefined
    const { status, body } = await call<Problems>(url(path), { method, json })
    expect([status, body.code, body.problems.map(problem => problem.allowed)]).toEqual([
      400,
      'invalid-request',
      [allowed],
    ])
    expect([endpointNames(), releaseIds()]).toEqual([['digits'], ['digits-1']])
  })

  it('takes dryRun by its two words only', async () => {
    const { status, body } = await apply<Problems>([digits], '?dryRun=yes')
    expect([status, body.problems]).toMatchObject([400, [{ path: 'query.dryRun', allowed: ['true', 'false'] }]])
    expect(endpointNames()).toEqual([])
  })
})

describe('endpoints', () => {
  it('are created, shown with their versions, and deleted', async () => {
    const created = await call(url('endpoints'), { json: digits })
    expect([created.status, created.body['action']]).toEqual([201, 'created'])
    expect((await call(url('endpoints'), { json: digits })).status).toBe(200)
    const { body } = await call(url('endpoints/digits'))
    expect(body).toMatchObject({
      name: 'digits',
      stable: 'v1',
      weightsPpm: { v1: 1_000_000 },
      activeRelease: null,
      versions: [
        { name: 'v1', role: 'stable', weightPpm: 1_000_000, fleet: 'ready', instancesReady: 1 },
        { name: 'v2', role: 'idle', weightPpm: 0, fleet: 'absent', instancesWanted: 3, instancesReady: 0 },
        { name: 'v3' },
      ],
    })
    expect((await call(url('endpoints'))).body).toMatchObject({ items: [{ name: 'digits' }] })
    expect((await call(url('endpoints/digits'), { method: 'DELETE' })).status).toBe(204)
    expect(await call(url('endpoints/digits'))).toMatchObject({ status: 404, body: { code: 'endpoint-not-found' } })
  })

  it.each(['nope', 'constructor', '__proto__'])('do not include %s', async name => {
    expect((await call(url(`endpoints/${name}`))).status).toBe(404)
    expect((await call(url(`endpoints/${name}`), { method: 'DELETE' })).status).toBe(404)
    expect((await call(url(`versions?endpoint=${name}`))).status).toBe(404)
  })

  it('refuse what is wrong with paths of the document itself', async () => {
    const { status, body } = await call<Problems>(url('endpoints'), { json: { ...digits, stable: 'v9' } })
    expect([status, body.code, body.problems.map(({ path }) => path)]).toEqual([400, 'invalid-resource', ['stable']])
  })

  it('refuse relative paths, for the server does not know beside which file', async () => {
    const document = changed(digits, ['versions', 'v1', 'onnx'], 'v1.onnx')
    const { body } = await call<Problems>(url('endpoints'), { json: document })
    expect(body.problems.map(({ path }) => path)).toEqual(['versions.v1.onnx'])
  })

  it('keep the values of env to themselves', async () => {
    const versions = { v1: { command: ['x', '{port}'], cwd: '/', env: { TOKEN: 'secret' } } }
    await call(url('endpoints'), { json: { ...digits, versions } })
    for (const path of ['endpoints', 'versions', 'events']) {
      const { body } = await call(url(path))
      expect(JSON.stringify(body)).toContain('TOKEN')
      expect(JSON.stringify(body)).not.toContain('secret')
    }
  })
})

describe('a refusal keeps to itself', () => {
  const command = { command: ['x', '{port}'], cwd: '/' }
  const there = { ...digits, versions: { v1: { ...command, env: { TOKEN: 'was-secret' } } } }

  it.each([
    ['the variables of a version that may not change', { ...command, env: { TOKEN: 's3cret' } }, 409, undefined],
    ['a variable that is no text', { ...command, env: { TOKEN: ['s3cret'] } }, 400, '(hidden)'],
    ['variables that are no object', { ...command, env: 's3cret' }, 400, '(hidden)'],
    [
      'a key that stands in a field',
      { url: 'http://10.0.0.5:8000', headers: { authorization: 'Bearer s3cret' } },
      400,
      '(hidden)',
    ],
    [
      'variables in what is refused as a whole, however long it is',
      [{ ...command, env: { TOKEN: 's3cret' }, more: 'x'.repeat(300) }],
      400,
      expect.stringContaining('TOKEN'),
    ],
  ])('%s', async (_, v1, status, value) => {
    const endpoints = `${judging.url}/api/v1/endpoints`
    await call(endpoints, { json: there })
    const answer = await call<Problems>(endpoints, { json: { ...there, versions: { v1 } } })
    expect([answer.status, answer.body.problems[0]?.value]).toEqual([status, value])
    expect(JSON.stringify(answer.body)).not.toContain('s3cret')
  })
})

describe('what objects inherit', () => {
  const at = (path: string, json?: unknown) =>
    call<Problems>(`${judging.url}/api/v1/${path}`, json === undefined ? {} : { json })
  const versions = { ...digits.versions, constructor: digits.versions.v1 }

  it.each([
    ['no release', 'releases/constructor', undefined, [404, 'release-not-found']],
    ['no release with a story', 'releases/toString/explain', undefined, [404, 'release-not-found']],
    ['no release with events', 'events?release=valueOf', undefined, [404, 'release-not-found']],
    ['no release to end', 'releases/__proto__/abort', {}, [404, 'release-not-found']],
    ['no endpoint to release on', 'releases', { endpoint: 'valueOf', to: 'v2' }, [400, 'invalid-resource']],
    ['no version to release', 'releases', { endpoint: 'digits', to: 'constructor' }, [400, 'invalid-resource']],
    ['no name of an endpoint', 'endpoints', { ...digits, name: 'hasOwnProperty' }, [400, 'invalid-resource']],
    ['no name of a version', 'endpoints', { ...digits, name: 'other', versions }, [400, 'invalid-resource']],
  ])('is %s', async (_, path, json, refusal) => {
    await judge([digits])
    const { status, body } = await at(path, json)
    expect([status, body.code]).toEqual(refusal)
  })
})

describe('versions and metrics', () => {
  beforeEach(() => apply([digits, toV2]))

  it('know the candidate of a release', async () => {
    const { body } = await call(url('versions?endpoint=digits'))
    expect(body).toMatchObject({
      items: [
        { name: 'v1', role: 'stable' },
        { name: 'v2', role: 'candidate' },
        { name: 'v3', role: 'idle' },
      ],
    })
  })

  it('list what a release can be judged by', async () => {
    const { body } = await call<{ items: { name: string; marginUnit: string }[] }>(url('metrics'))
    expect(body.items.map(({ name, marginUnit }) => `${name} ${marginUnit}`)).toEqual([
      'error-rate pp',
      'latency-p50 %',
      'latency-p90 %',
      'latency-p95 %',
      'latency-p99 %',
      'latency-p99.9 %',
      'accuracy pp',
    ])
  })
})
