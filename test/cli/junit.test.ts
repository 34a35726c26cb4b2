import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { junitReport } from '../../src/cli/junit.ts'
import type { WireCheckResult } from '../../src/contract/wire/judgement.ts'
import type { WireExplanation } from '../../src/contract/wire/release.ts'
import { type ControlServer, promoted, rolledBack, running, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call } from '../support/http.ts'
import { breach } from '../support/judgement.ts'
import { runCli } from '../support/run-cli.ts'
import { type Element, readXml } from '../support/xml.ts'

let server: ControlServer
let folder: string
beforeEach(async () => {
  server = await startControlServer()
  await call(`${server.url}/api/v1/endpoints`, { json: digits })
  folder = mkdtempSync(join(tmpdir(), 'cutover-'))
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await server.close()
})

const cutover = (line: string, onOut?: (out: string) => void) =>
  runCli([...line.split(' '), '--server', server.url], { cwd: folder, ...(onOut !== undefined && { onOut }) })

/** The release ends like this as soon as it has begun. */
function ending(
  entry: Parameters<ControlServer['control']['tell']>[1],
  phase: Parameters<typeof server.control.tell>[2],
) {
  let done = false
  return (out: string) => {
    if (done || !out.includes('v1 to v2')) return
    done = true
    server.control.tell('digits-1', entry, phase)
  }
}

const report = () => readXml(readFileSync(join(folder, 'report.xml'), 'utf8'))

/** `classname name: result` of each case, the result being what stands inside it. */
function casesOf(root: Element): string[] {
  const cases = root.children.flatMap(suite => suite.children.filter(({ name }) => name === 'testcase'))
  return cases.map(({ attributes, children }) => {
    const result = children.find(({ name }) => name !== 'system-out')?.name ?? 'passed'
    return `${attributes['classname']} ${attributes['name']}: ${result}`
  })
}

describe('the report of a release', () => {
  it('passes its stage when it was promoted, and the exit code is 0', async () => {
    const line = 'release digits --to v2 --wait --junit report.xml'
    const { code } = await cutover(line, ending({ kind: 'promoted', text: 'done' }, promoted))
    expect(code).toBe(0)
    expect(report().children[0]?.attributes).toMatchObject({ name: 'digits-1', tests: '1', failures: '0', errors: '0' })
  })

  it('fails the stage that took it back, and each check that was breached, with reason and numbers', async () => {
    server.control.latest = { atMs: 0, judgement: breach }
    const line = 'release digits --to v2 --wait --junit report.xml'
    const { code } = await cutover(line, ending({ kind: 'rolled-back', text: 'back' }, rolledBack))
    expect(code).toBe(3)
    expect(casesOf(report())).toEqual([
      'digits.stage 1 canary 1%, 5%, 25%, 50%: failure',
      'digits.validity traffic split: passed',
      'digits.guardrail error-rate: failure',
      'digits.guardrail latency-p99: skipped',
    ])
    expect(report().children[0]?.attributes).toMatchObject({ tests: '4', failures: '2', errors: '0', skipped: '1' })
    const failure = report().children[0]?.children.find(({ attributes }) => attributes['name'] === 'error-rate')
    expect(failure?.children[0]?.attributes).toEqual({ type: 'fail', message: breach.checks[0]?.reason })
    expect(failure?.children[0]?.text).toContain('candidate v2: 9% (18 of 200)\nstable v1: 0.5% (19 of 3800)\n')
  })

  it('has an error where it holds, and the exit code is 4', async () => {
    const hold = { sinceMs: 0, cause: 'approval' as const, reason: 'all passed; waiting for approval' }
    const line = 'release digits --to v2 --wait --junit report.xml'
    const { code } = await cutover(line, ending({ kind: 'hold', text: 'waits' }, { ...running, hold }))
    expect([code, casesOf(report())]).toEqual([4, ['digits.stage 1 canary 1%, 5%, 25%, 50%: error']])
    expect(report().children[0]?.children[1]?.children[0]?.attributes).toEqual({
      type: 'approval',
      message: hold.reason,
    })
  })

  it('is written too by status --watch, and when the time is over', async () => {
    expect((await cutover('release digits --to v2 --wait --timeout 30ms --junit report.xml')).code).toBe(4)
    expect(casesOf(report())).toEqual(['digits.stage 1 canary 1%, 5%, 25%, 50%: error'])
    server.control.tell('digits-1', { kind: 'rolled-back', text: 'back' }, rolledBack)
    expect((await cutover('status digits-1 --watch --junit report.xml')).code).toBe(3)
    expect(casesOf(report())).toEqual(['digits.stage 1 canary 1%, 5%, 25%, 50%: failure'])
  })

  it.each([
    ['release digits --to v2 --junit report.xml', '--junit needs --wait'],
    ['status digits-1 --junit report.xml', '--junit needs --watch'],
    ['release digits --to v2 --wait --junit no/such/report.xml', 'cannot write no/such/report.xml'],
    ['release digits --to v2 --wait --junit .', 'it is a folder'],
  ])('%s is refused before anything starts', async (line, message) => {
    expect(await cutover(line)).toMatchObject({ code: 2, err: expect.stringContaining(message) })
    expect(server.control.state().releases).toEqual({})
    expect(existsSync(join(folder, 'report.xml'))).toBe(false)
  })
})

const oddText = fc.string({ unit: 'binary', maxLength: 30 })

const check = (over: Partial<WireCheckResult>): WireCheckResult => ({
  metric: 'error-rate',
  role: 'guardrail',
  verdict: 'pass',
  reason: '',
  margin: 0.01,
  marginUnit: 'pp',
  alpha: 0.01,
  minEvents: 100,
  candidate: { version: 'v2', trials: 0, events: 0, value: null },
  stable: { version: 'v1', trials: 0, events: 0, value: null },
  harm: { estimate: null, lower: null, upper: null },
  logEvidence: null,
  logEvidenceBelow: null,
  method: 'e-process',
  dryRun: false,
  readings: null,
  strata: [],
  ...over,
})

async function explained(checks: readonly WireCheckResult[]): Promise<WireExplanation> {
  server.control.latest = { atMs: 0, judgement: { ...breach, checks: [] } }
  await cutover('release digits --to v2')
  const { body } = await call<WireExplanation>(`${server.url}/api/v1/releases/digits-1/explain`)
  if (body.latest === null) throw new Error('there is no look')
  return { ...body, latest: { ...body.latest, judgement: { ...body.latest.judgement, checks: [...checks] } } }
}

describe('checks in a report', () => {
  it.each([
    ['pass', false, 'passed'],
    ['fail', false, 'failure'],
    ['insufficient', false, 'skipped'],
    ['invalid', false, 'error'],
    ['pass', true, 'passed'],
    ['fail', true, 'skipped'],
    ['invalid', true, 'skipped'],
  ] as const)('%s (dry run %s) is %s', async (verdict, dryRun, result) => {
    const written = junitReport(await explained([check({ verdict, dryRun })]), 'promoted')
    expect(casesOf(readXml(written)).at(-1)?.endsWith(`: ${result}`)).toBe(true)
  })

  it('may be called anything and say anything: the report stays well formed and tells it', async () => {
    const base = await explained([])
    fc.assert(
      fc.property(oddText, oddText, (metric, reason) => {
        const judgement = { ...breach, checks: [check({ metric, reason, verdict: 'fail' })] }
        const latest = { at: base.release.startedAt, judgement: judgement as never }
        const root = readXml(junitReport({ ...base, latest }, 'rolled-back'))
        expect(root.children[0]?.attributes['failures']).toBe('2')
      }),
    )
    const odd = junitReport({ ...base, latest: await latestOf(`a<b> & "c" 'd' ]]> é ñ 🙂`) }, 'rolled-back')
    const last = readXml(odd).children[0]?.children.at(-1)
    expect(last?.attributes['name']).toBe(`a<b> & "c" 'd' ]]> é ñ 🙂`)
  })
})

async function latestOf(metric: string): Promise<WireExplanation['latest']> {
  const { body } = await call<WireExplanation>(`${server.url}/api/v1/releases/digits-1/explain`)
  if (body.latest === null) throw new Error('there is no look')
  return { ...body.latest, judgement: { ...body.latest.judgement, checks: [check({ metric })] } }
}

it('stages before the one that failed have passed, those after it were not reached', async () => {
  const base = await explained([])
  const [stage] = base.plan.stages
  if (stage === undefined) throw new Error('there is no stage')
  const plan = { ...base.plan, stages: [stage, stage, stage] }
  const results = (reached: number | null, outcome: 'promoted' | 'rolled-back') =>
    casesOf(readXml(junitReport({ ...base, plan, reached, latest: null }, outcome))).map(line => line.split(': ')[1])
  expect(results(1, 'rolled-back')).toEqual(['passed', 'failure', 'skipped'])
  expect(results(null, 'rolled-back')).toEqual(['failure', 'skipped', 'skipped'])
  expect(results(2, 'promoted')).toEqual(['passed', 'passed', 'passed'])
  expect(results(0, 'promoted')).toEqual(['passed', 'skipped', 'skipped'])
})
