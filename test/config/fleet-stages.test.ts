import { describe, expect, it } from 'vitest'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { holdMaxMs } from '../../src/contract/stages/recreate.ts'
import { limits } from '../../src/core/limits.ts'
import { toV2 } from '../support/documents.ts'
import { thrownBy } from '../support/thrown.ts'

const compiled = (stage: object, over: object = {}) =>
  compileResource(validateResource({ ...toV2, stages: [stage], ...over }))
const planOf = (stage: object) => {
  const resource = compiled(stage)
  return resource.kind === 'Release' ? resource.plan.stages[0] : null
}

/** Where the document is refused, and what it may say there. */
function refusal(stages: readonly object[], over: object = {}) {
  const { code, problems } = thrownBy(() => validateResource({ ...toV2, stages, ...over }))
  expect(code).toBe('invalid-resource')
  return problems.map(({ path, allowed }) => [path, allowed])
}

describe('recreate', () => {
  it('holds for 30 s unless it says otherwise', () => {
    expect(planOf({ recreate: {} })).toEqual({
      kind: 'recreate',
      holdMs: 30_000,
      retryAfterMs: 5_000,
      watchMs: 60_000,
    })
    expect(planOf({ recreate: { hold: '0s', 'retry-after': '1m', watch: '0s' } })).toMatchObject({
      holdMs: 0,
      retryAfterMs: 60_000,
      watchMs: 0,
    })
  })

  it('holds no longer than a request may take', () => {
    expect(refusal([{ recreate: { hold: '51s' } }])).toEqual([['stages[0].recreate.hold', ['0s to 50s']]])
    expect(holdMaxMs).toBe(limits.holdMaxMs)
    expect(limits.holdMaxMs).toBeLessThan(limits.clientBodyTimeoutMs)
  })

  it('shows no goal, for it compares nothing', () => {
    const goals = { accuracy: { 'no-worse-than': '1pp' } }
    expect(refusal([{ recreate: {} }], { goals })).toEqual([['goals', ['rolling', 'canary']]])
    expect(compiled({ rolling: {} }, { goals })).toMatchObject({ plan: { goals: [{ metric: 'accuracy' }] } })
  })

  it('waits for nobody’s yes in its gap', () => {
    const confirm = (before: string) => ({ confirm: [{ before, url: 'http://127.0.0.1:9100/ask' }] })
    expect(refusal([{ recreate: {} }], confirm('promotion'))).toEqual([['confirm[0].before', ['start']]])
    expect(() => compiled({ recreate: {} }, confirm('start'))).not.toThrow()
    expect(() => compiled({ rolling: {} }, confirm('promotion'))).not.toThrow()
  })
})

describe('rolling', () => {
  it('rolls by a quarter unless it says otherwise', () => {
    expect(planOf({ rolling: {} })).toEqual({
      kind: 'rolling',
      maxSurge: { ppm: 250_000 },
      maxUnavailable: { ppm: 250_000 },
      minReadyMs: 10_000,
      progressDeadlineMs: 600_000,
      minRequests: 0,
    })
  })

  it('takes numbers and shares', () => {
    const rolling = { 'max-surge': 0, 'max-unavailable': '12.5%', 'min-ready': '1m', 'min-requests': 200 }
    expect(planOf({ rolling })).toMatchObject({
      maxSurge: { count: 0 },
      maxUnavailable: { ppm: 125_000 },
      minReadyMs: 60_000,
      minRequests: 200,
    })
  })

  it('is refused where nothing could move', () => {
    const rolling = { 'max-surge': 0, 'max-unavailable': 0 }
    expect(refusal([{ rolling }])).toEqual([['stages[0].rolling.max-surge', ['1', '25%']]])
  })

  it.each([-1, 65, 1.5, '101%', '1'])('does not take %s for a number of instances', amount => {
    expect(refusal([{ rolling: { 'max-surge': amount } }])[0]?.[0]).toBe('stages[0].rolling.max-surge')
  })
})

it.each(['recreate', 'rolling'])('nothing comes after %s, which leaves no old version', kind => {
  const canary = { canary: {} }
  expect(refusal([{ [kind]: {} }, canary])).toEqual([[`stages[0].${kind}`, undefined]])
  expect(() => validateResource({ ...toV2, stages: [canary, { [kind]: {} }] })).not.toThrow()
})

describe('a time within which something is to come', () => {
  const goal = { metric: 'accuracy', improve: 'increase', 'minimum-effect': '5%' }
  const smoke = [{ path: '/', expect: { within: '0s' } }]
  const timeless: [string, object, object?][] = [
    ['stages[0].canary.at-most', { canary: { steps: ['50%'], 'at-most': '0s' } }],
    ['stages[0].canary.steps[0].at-most', { canary: { steps: [{ weight: '50%', 'at-most': '0.4ms' }] } }],
    ['stages[0].abTest.at-most', { abTest: { goal, 'at-most': '0h' } }],
    ['stages[0].bandit.at-most', { bandit: { reward: { metric: 'accuracy' }, 'at-most': '0d' } }],
    ['stages[0].shadow.until.at-most', { shadow: { until: { 'at-most': '0s' } } }],
    ['stages[0].blueGreen.smoke[0].expect.within', { blueGreen: { smoke } }],
    ['stages[0].rolling.progress-deadline', { rolling: { 'progress-deadline': '0s', 'min-ready': '0s' } }],
    ['ready-timeout', { canary: { steps: ['50%'] } }, { 'ready-timeout': '0s' }],
  ]

  it.each(timeless)('%s is some time', (path, stage, over = {}) => {
    expect(refusal([stage], over)).toEqual([[path, ['from 1ms']]])
  })

  it('of a roll is no shorter than what each batch is to last', () => {
    expect(refusal([{ rolling: { 'min-ready': '20m' } }])).toEqual([['stages[0].rolling.min-ready', ['up to 10m']]])
    expect(() => compiled({ rolling: { 'min-ready': '10m' } })).not.toThrow()
  })

  it('may be none where nothing is waited for', () => {
    const none = { after: '0s', watch: '0s', keep: '0s' }
    expect(() => compiled({ blueGreen: none }, { probation: '0s', drain: '0s', 'minimum-age': '0s' })).not.toThrow()
    expect(() => compiled({ rolling: { 'min-ready': '0s' } })).not.toThrow()
  })
})
