import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type ControlServer, rolledBack, running, startControlServer } from '../support/control-server.ts'
import { digits, toV2 } from '../support/documents.ts'
import { call } from '../support/http.ts'
import { breach } from '../support/judgement.ts'
import { trialReport } from '../support/releases.ts'
import { type RunOptions, runCli } from '../support/run-cli.ts'

let server: ControlServer
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(async () => {
  server = await startControlServer()
})
afterEach(() => server.close())

const cutover = (line: string, options: RunOptions = {}) =>
  runCli([...line.split(' '), '--server', server.url], { cwd: folder, ...options })
const write = (name: string, ...documents: unknown[]) =>
  writeFileSync(join(folder, name), documents.map(document => stringify(document)).join('---\n'))
const applyDigits = () => call(`${server.url}/api/v1/endpoints`, { json: digits })
const startRelease = () => call(`${server.url}/api/v1/releases`, { json: toV2 })

describe('apply', () => {
  it('applies a file, with its paths made absolute beside it', async () => {
    write('cutover.yaml', { ...digits, versions: { v1: { onnx: 'models/v1.onnx' }, v2: { onnx: 'v2.onnx' } } }, toV2)
    const { code, out } = await cutover('apply -f cutover.yaml')
    expect([code, out]).toEqual([0, 'Endpoint/digits created\nRelease/digits-1 started\n'])
    expect(server.control.state().endpoints['digits']?.spec.versions['v1']?.backend).toEqual({
      kind: 'onnx',
      path: join(folder, 'models/v1.onnx'),
    })
  })

  it('applies several files as one, and shows a fault in the file that it is in', async () => {
    write('endpoint.yaml', digits)
    write('release.yaml', toV2)
    const { code, out } = await cutover('apply -f endpoint.yaml -f release.yaml')
    expect([code, out]).toEqual([0, 'Endpoint/digits created\nRelease/digits-1 started\n'])
    write('bad.yaml', { ...digits, name: 'other', stable: 'v9' })
    const refused = await cutover('apply -f endpoint.yaml -f bad.yaml')
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('  bad.yaml:')])
  })

  it('reads standard input, YAML or JSON', async () => {
    expect((await cutover('apply -f -', { stdin: JSON.stringify([digits]) })).code).toBe(0)
    expect((await cutover('apply -f -', { stdin: stringify(digits) })).out).toBe('Endpoint/digits unchanged\n')
  })

  it('shows the difference in a dry run', async () => {
    await applyDigits()
    write('more.yaml', { ...digits, 'allow-pin': false, versions: { ...digits.versions, v4: { onnx: '/v4.onnx' } } })
    const { code, out } = await cutover('apply -f more.yaml --dry-run')
    expect(code).toBe(0)
    expect(out).toContain('Endpoint/digits would be updated\n  + versions.v4: {"name":"v4"')
    expect(out).toContain('  ~ allowPin: true -> false\n')
    expect(out).toMatch(/nothing has changed\n$/)
    expect(server.control.state().endpoints['digits']?.spec.versions['v4']).toBeUndefined()
  })

  it('shows each fault at its file and line', async () => {
    write('bad.yaml', { ...digits, stable: 'v9' }, { ...toV2, stages: [{ canary: { steps: ['5%', '1%'] } }] })
    const { code, out, err } = await cutover('apply -f bad.yaml')
    expect([code, out]).toEqual([2, ''])
    expect(err.split('\n')).toEqual([
      'error: 2 of 2 documents are not valid; nothing has changed',
      '  bad.yaml:3 stable: is not one of the versions (got "v9"; allowed: v1, v2, v3)',
      expect.stringMatching(
        /^ {2}bad\.yaml:\d+ stages\[0\]\.canary\.steps\[1\]: weights must rise .*\(got "1%"; allowed: above 5% and below 100%\)$/,
      ),
      '',
    ])
  })

  it('tells errors as JSON to programs', async () => {
    write('bad.yaml', { ...digits, stable: 'v9' })
    const { code, err } = await cutover('apply -f bad.yaml -o json')
    expect(code).toBe(2)
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'invalid-resource', problems: [{ value: 'v9' }] } })
  })

  it.each([
    ['a file that is not there', 'apply -f none.yaml', undefined, 'cannot read none.yaml'],
    ['broken YAML', 'apply -f -', 'a: 1\na: 2', '-:2:1: Map keys must be unique'],
    ['nothing', 'apply -f -', '# empty', 'holds no documents'],
    ['no file', 'apply', undefined, "required option '-f, --file <file>' not specified"],
  ])('is a matter of usage with %s', async (_, line, stdin, message) => {
    const { code, err } = await cutover(line, stdin === undefined ? {} : { stdin })
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })
})

describe('get, describe and delete', () => {
  beforeEach(async () => {
    await applyDigits()
    await startRelease()
  })

  it.each([
    ['get endpoints', /^NAME +STABLE +TRAFFIC +RELEASE .*\ndigits +v1 +v1 100% +digits-1 +3 +open-inference\n$/],
    ['get endpoint digits', /\ndigits +v1 /],
    [
      'get versions --endpoint digits',
      /\ndigits +v1 +stable +100% +1\/1 ready +onnx \/models\/v1.onnx\n.*v2 +candidate/,
    ],
    ['get version digits/v3', /\ndigits +v3 +idle .*url http:\/\/10.0.0.5:8000 http:\/\/10.0.0.6:8000\n$/],
    ['get releases', /\ndigits-1 +digits +v1 +v2 +active +0% +starting +2026-/],
    ['get metrics', /\ndigits +latency-p99.9 +latency +relative \(20%\) +built in\n/],
    ['get predictions --limit 1', /\np-1 +digits +v1 for v2 .* 4 ms +200 +7 +7\n$/],
    ['get predictions', /^ID .*\np-1 .*\n$/],
    ['get predictions --shadows', /\np-1~v3 +digits +v3 in shadow .*\np-1 +digits /],
    ['get events --after 1', /^SEQ .*\n2 +\S+ +release-started +digits-1\n$/],
    ['describe endpoint digits', /^name: digits\n(.*\n)*weightsPpm:\n {2}v1: 1000000\n/],
    ['describe version digits/v2', /^endpoint: digits\nname: v2\nrole: candidate\n/],
    ['describe release digits-1', /^Release digits-1 {3}digits: v1 -> v2\n {2}state +active, starting\n/],
    ['describe prediction p-1', /^id: p-1\n/],
  ])('%s', async (line, expected) => {
    const { code, out, err } = await cutover(line)
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(expected)
    const { out: json } = await cutover(`${line} -o json`)
    expect(JSON.parse(json)).toBeTypeOf('object')
  })

  it('delete what has no releases yet', async () => {
    expect(await cutover('delete endpoint digits')).toMatchObject({ code: 1, err: 'error: digits has a release\n' })
    await cutover('abort digits-1')
    expect(await cutover('delete endpoint digits')).toMatchObject({ code: 0, out: 'Endpoint/digits deleted\n' })
    expect(await cutover('get endpoints')).toMatchObject({ code: 0, out: 'no endpoints\n' })
  })

  it.each([
    ['get models', 2, 'allowed: endpoints, versions, releases, flags, segments, metrics, predictions, events'],
    ['get versions v1', 2, 'ENDPOINT/VERSION'],
    ['get releases --limit 3', 2, 'takes no --limit'],
    ['get releases --shadows', 2, 'takes no --shadows'],
    ['delete version digits/v1', 2, 'allowed: endpoints'],
    ['get endpoint letters', 2, 'there is no endpoint letters'],
    ['describe version digits/v9', 2, 'allowed: v1, v2, v3'],
    ['get predictions --limit 0', 2, 'query.limit'],
  ])('%s exits with %i', async (line, code, message) => {
    expect(await cutover(line)).toMatchObject({ code, err: expect.stringContaining(message) })
  })
})

describe('the verbs', () => {
  beforeEach(async () => {
    await applyDigits()
    await startRelease()
  })

  it.each([
    ['promote', 'promoted'],
    ['abort', 'rolled-back'],
    ['rollback', 'rolled-back'],
  ])('%s a release', async (verb, state) => {
    const { code, out } = await cutover(`${verb} digits-1 --note why`, { env: { USER: 'ada' } })
    expect([code, out]).toEqual([0, expect.stringContaining(`state       ${state}\n`)])
    expect(server.control.timeline('digits-1')[1]?.text).toBe(`${verb} by cli:ada: why`)
    expect(await cutover(`${verb} digits-1`)).toMatchObject({ code: 1, err: expect.stringContaining('has ended') })
  })

  it('promote by one step and no further', async () => {
    server.control.tell('digits-1', { kind: 'weight', text: 'to 1%' }, running)
    const { code } = await cutover('promote digits-1 --step', { env: { USER: 'ada' } })
    expect(code).toBe(0)
    expect(server.control.timeline('digits-1').at(-1)?.text).toBe('promote by one step by cli:ada')
    expect(await cutover('abort digits-1 --step')).toMatchObject({ code: 2 })
  })

  it('answer in JSON', async () => {
    server.control.tell('digits-1', { kind: 'weight', text: 'to 1%' }, running)
    expect(JSON.parse((await cutover('pause digits-1 -o json')).out)).toMatchObject({ id: 'digits-1', state: 'paused' })
    expect(JSON.parse((await cutover('resume digits-1 -o json')).out)).toMatchObject({ state: 'active' })
    expect(JSON.parse((await cutover('approve digits-1 -o json')).out)).toMatchObject({ state: 'active' })
  })
})

describe('status and explain', () => {
  it('say what to do where there is nothing yet', async () => {
    expect((await cutover('status')).out).toContain('cutover apply -f FILE')
  })

  it('say of a version that has traffic what keeps it from answering, and where to look', async () => {
    await applyDigits()
    expect((await cutover('status')).out).not.toContain('ready')
    server.control.instances = () => [{ id: 'v1-0', state: 'unhealthy', detail: 'ECONNREFUSED' }]
    expect((await cutover('status')).out).toContain(
      'digits: no instance of v1 is ready: ECONNREFUSED; look at it: cutover describe version digits/v1\n',
    )
  })

  it('show endpoints with releases under way, and one release in full', async () => {
    await applyDigits()
    expect((await cutover('status')).out).toContain('no releases yet')
    await startRelease()
    server.control.tell('digits-1', { kind: 'weight', text: 'v2 gets 5%', candidatePpm: 50_000 }, running)
    server.control.latest = { atMs: 0, judgement: breach }
    expect((await cutover('status')).out).toMatch(
      /v1 95%, v2 5%(.*\n)+digits-1 +digits +v1 +v2 +active +5% +canary step 2\/4/,
    )
    const { out } = await cutover('status digits-1')
    expect(out).toContain('weight      5% to v2')
    expect(out).toMatch(/\n {3}\+0:01 {6}5% {2}v2 gets 5%\n$/)
    expect(JSON.parse((await cutover('status -o json')).out)).toMatchObject({ releases: [{ id: 'digits-1' }] })
  })

  it('explain every decision with its numbers', async () => {
    await applyDigits()
    await startRelease()
    const exposure = { requests: 200, units: 180, durationMs: 4_000 }
    server.control.tell(
      'digits-1',
      { kind: 'rolled-back', text: 'v2 goes back', judgement: breach, exposure },
      rolledBack,
    )
    const { code, out } = await cutover('explain digits-1')
    expect(code).toBe(0)
    expect(out).toContain('stages      canary 1%, 5%, 25%, 50%')
    expect(out).toContain('200 requests of 180 units met the candidate within 4 s')
    expect((await cutover('status digits-1')).out).toContain('200 requests of 180 units met the candidate within 4 s')
    expect(out).toMatch(/minimum age -\n.*\n {2}probation {3}-\n/)
    expect(out).toMatch(/traffic split pass: as expected \(seen 950 : 50, expected 950 : 50\)/)
    expect(out).toMatch(
      /error-rate +guardrail +fail +v2: 9% \(18 of 200\) +v1: 0.5% \(19 of 3800\) +\+8.5pp +\[\+2.1pp, -\] +\+0.5pp +5.3 of 4.605/,
    )
    expect(out).toMatch(
      /latency-p99 +guardrail +insufficient +v2: 21.5 ms \(of 40\) +v1: 20 ms \(of 3800\) +\+7.5% +\[-, -\] +\+20% +-/,
    )
    expect(out).toContain('error-rate by betting e-process; epoch 2 18/200 : 19/3800')
    expect(JSON.parse((await cutover('explain digits-1 -o json')).out)).toMatchObject({ decisions: [{}, { exposure }] })
  })

  it('explain what was tried before anybody met it, with the answers that differed', async () => {
    await applyDigits()
    await startRelease()
    const counts = { sent: 200, answered: 199, compared: 200, agreed: 198 }
    const differing = { prediction: 'p-1', reason: 'another answer', expected: '3', answered: '5' }
    const trial = trialReport('digits-1/replay/1', {
      ...counts,
      examples: [differing],
      latencyMs: { p50: 2, p95: 9.5, p99: 12 },
    })
    server.control.tell('digits-1', { kind: 'stage', text: 'replay', trial }, running)
    const { out } = await cutover('explain digits-1')
    expect(out).toContain(
      'trial digits-1/replay/1: 200 sent, 199 answered without error, p50 2 ms, p95 9.5 ms, 198 of 200 as expected',
    )
    expect(out).toContain('p-1: another answer; expected 3; answered 5')
    expect(JSON.parse((await cutover('explain digits-1 -o json')).out)).toMatchObject({
      decisions: [{ trial: null }, { trial: counts }],
    })
  })

  it('let nothing that was written elsewhere steer the terminal', async () => {
    await applyDigits()
    await startRelease()
    server.control.tell('digits-1', { kind: 'hold', text: 'a\u001b[2Jb\nc\u0007' }, running)
    expect((await cutover('status digits-1')).out).toContain('a[2Jb c\n')
  })

  it('colour only what a person reads who did not ask for none', async () => {
    await applyDigits()
    await startRelease()
    server.control.tell('digits-1', { kind: 'rolled-back', text: 'back' }, rolledBack)
    const out = async (options: RunOptions) => (await cutover('status digits-1', options)).out
    expect(await out({ isTTY: true })).toContain('\u001b[31mback\u001b[0m')
    expect(await out({ isTTY: true, env: { NO_COLOR: '1' } })).not.toContain('\u001b')
    expect(await out({})).not.toContain('\u001b')
  })
})
