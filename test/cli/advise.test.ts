import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askFor, requestOf } from '../../src/cli/advise-questions.ts'
import { type Prompts, QuestionsEnded } from '../../src/cli/prompts.ts'
import { questions, type Subject } from '../../src/contract/advice-questions.ts'
import type { WireAdvice } from '../../src/contract/wire/advice.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call } from '../support/http.ts'
import { type RunOptions, runCli } from '../support/run-cli.ts'

let server: ControlServer
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-advise-'))
  server = await startControlServer()
  const metrics = { conversion: { type: 'mean', of: 'converted', 'unit-level': true } }
  await call(`${server.url}/api/v1/endpoints`, { json: { ...digits, metrics } })
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await server.close()
})

const cutover = (line: string, options: RunOptions = {}) =>
  runCli([...line.split(' '), '--server', server.url], { cwd: folder, ...options })

/** Answers by the beginning of each question, and remembers what was asked. */
function person(answers: Readonly<Record<string, string>>): { prompts: Prompts; asked: string[] } {
  const asked: string[] = []
  const answer = async ({ message }: { message: string }) => {
    asked.push(message)
    return Object.entries(answers).find(([begins]) => message.startsWith(begins))?.[1] ?? null
  }
  return { prompts: { choose: answer, write: answer }, asked }
}

describe('cutover advise', () => {
  it('prints the ranked plans, then the first with its reasons, numbers and file', async () => {
    const { code, out } = await cutover('advise digits --to v2')
    expect(code).toBe(0)
    expect(out).toMatch(/^digits: the stable version is v1\n/)
    expect(out).toMatch(/\nexposure +yes +assumed +users may meet it\n/)
    expect(out).toMatch(
      /\n# +PLAN +SCORE +DOWNTIME +TESTED ON +BACK IN +INSTANCES +VERDICT IN +BAD ONE MET BY\n1 +canary +4 +none/,
    )
    expect(out).toMatch(/recreate \(not possible\)/)
    expect(out).toMatch(/\n1\. canary\n {2}\+ a small share meets it.*\[4; .*Canarying Releases/)
    expect(out).toMatch(/verdict {5}canary: a harm of 5 pp in error-rate is caught; .* at alpha 0\.01 and power 0\.8/)
    expect(out).toContain('    kind: Release\n    endpoint: digits\n    to: v2\n')
    expect(out).toMatch(/assumed, since nobody said: --exposure, --downtime, --within/)
  })

  it('answers JSON, and asks nothing then', async () => {
    const { prompts, asked } = person({})
    const { code, out } = await cutover('advise digits -o json', { isTTY: true, prompts })
    expect(code).toBe(0)
    expect((JSON.parse(out) as WireAdvice).plans[0]?.rank).toBe(1)
    expect(asked).toEqual([])
  })

  it('writes the file of a plan, which can be applied, and writes over none', async () => {
    const { code, out } = await cutover('advise digits --to v2 --write release.yaml')
    expect([code, out]).toEqual([0, expect.stringContaining('written to release.yaml')])
    expect((await cutover('apply -f release.yaml --dry-run')).code).toBe(0)
    const again = await cutover('advise digits --to v2 --write release.yaml')
    expect([again.code, again.err]).toEqual([2, expect.stringContaining('cannot write release.yaml')])
  })

  it('shows and writes another plan by its rank, but none that is not possible', async () => {
    const { out } = await cutover('advise digits --to v2 --plan 3 --write third.yaml')
    expect(out).toMatch(/\n3\. /)
    expect(readFileSync(join(folder, 'third.yaml'), 'utf8')).toContain('kind: Release')
    const last = await cutover('advise digits --to v2 --plan 13 --write last.yaml')
    expect([last.code, last.err]).toEqual([1, expect.stringContaining('not possible')])
    expect(existsSync(join(folder, 'last.yaml'))).toBe(false)
    expect((await cutover('advise digits --plan 99')).code).toBe(2)
  })

  it.each([
    ['--exposure maybe', 2],
    ['--change huge', 2],
    ['--effect 2%', 2],
    ['--to v9', 2],
    ['--traffic lots', 2],
  ])('%s is a matter of usage', async (flags, code) => {
    expect((await cutover(`advise digits ${flags}`)).code).toBe(code)
  })
})

describe('at a terminal', () => {
  it('asks what no flag said, and goes by the answers', async () => {
    const { prompts, asked } = person({ 'May users meet': 'no', 'Which versions': 'v2' })
    const { code, out } = await cutover('advise digits --downtime no', { isTTY: true, prompts })
    expect(code).toBe(0)
    expect(asked).toContain(questions.exposure.message)
    expect(asked).not.toContain(questions.downtime.message)
    expect(out).toMatch(/exposure +no +stated/)
    expect(out).toMatch(/\n1\. shadow/)
  })

  it('asks nothing with --no-input, or where its input is no terminal', async () => {
    const { prompts, asked } = person({})
    await cutover('advise digits --no-input', { isTTY: true, prompts })
    await cutover('advise digits', { isTTY: true, stdin: '', prompts })
    await cutover('advise digits', { prompts })
    expect(asked).toEqual([])
  })

  it('ends without advice where the person leaves', async () => {
    const leave = async () => {
      throw new QuestionsEnded('no answer')
    }
    const { code, err } = await cutover('advise digits', { isTTY: true, prompts: { choose: leave, write: leave } })
    expect([code, err]).toEqual([1, expect.stringContaining('the questions were left')])
  })

  const subject: Subject = { stable: 'v1', versions: ['v2', 'v3'], metrics: ['conversion'] }

  it('asks of the goal only where there is one, and of nothing that leaves no choice', async () => {
    const without = person({})
    await askFor(without.prompts, {}, subject)
    expect(without.asked).not.toContain(questions.effect.message)
    const withGoal = person({ 'Which metric': 'conversion' })
    await askFor(withGoal.prompts, {}, subject)
    expect(withGoal.asked).toContain(questions.effect.message)
    expect(withGoal.asked).toContain(questions['only-goal'].message)
    const narrow = person({})
    await askFor(narrow.prompts, {}, { stable: 'v1', versions: ['v2'], metrics: [] })
    expect(narrow.asked).not.toContain(questions.to.message)
    expect(narrow.asked).not.toContain(questions.goal.message)
  })

  it.each([
    ['to', 'v2,v3', true],
    ['to', 'v2,v9', false],
    ['within', '7d', true],
    ['within', 'soon', false],
    ['goal', 'conversion', true],
    ['goal', 'profit', false],
    ['group', 'x-tier=beta', true],
    ['group', 'beta', false],
  ] as const)('takes %s %s: %s', (name, text, isFine) => {
    const question = questions[name]
    expect(question.kind === 'text' && (question.check?.(text, subject) ?? null) === null).toBe(isFine)
  })
})

it('writes every answer as the API takes it', () => {
  expect(
    requestOf('digits', {
      to: 'v2, v3',
      goal: 'conversion',
      effect: '2%',
      exposure: 'no',
      downtime: 'yes',
      'only-goal': 'yes',
      within: '7d',
      change: 'complex',
      expensive: 'yes',
      idempotent: 'no',
      group: 'x-tier=a=b',
      harm: '5pp',
      'harm-in': 'accuracy',
      traffic: '3',
      users: '4000',
      baseline: '10%',
      deviation: '0.4',
    }),
  ).toEqual({
    endpoint: 'digits',
    candidates: ['v2', 'v3'],
    goal: { metric: 'conversion', effect: '2%' },
    exposure: false,
    downtime: true,
    onlyGoal: true,
    within: '7d',
    change: 'complex',
    expensive: true,
    idempotent: false,
    groups: [{ header: 'x-tier', equals: 'a=b' }],
    harm: { metric: 'accuracy', by: '5pp' },
    requestsPerSecond: 3,
    usersPerDay: 4_000,
    baseline: { mean: 0.1, deviation: 0.4 },
  })
})
