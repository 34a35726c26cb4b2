import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestArm } from '../../src/core/bandit/allocate.ts'
import { nextWeights } from '../../src/core/bandit/next-weights.ts'
import { evenWeights, weightsAmong, weightsFrom } from '../../src/core/bandit/weights.ts'
import { leaderWords } from '../../src/core/bandit/words.ts'
import type { ArmJudgement, BanditArm, BanditNumbers, Judgement } from '../../src/core/judge/judgement.ts'
import type { BanditPlan } from '../../src/core/stage-plans.ts'
import { bandit } from '../../src/core/strategies/bandit.ts'
import type { BanditState } from '../../src/core/strategies/bandit-state.ts'
import type { StageCommand, StageContext, StageEvent } from '../../src/core/strategies/strategy.ts'
import type { Weights } from '../../src/core/traffic.ts'
import { banditPlan } from '../support/bandits.ts'
import { judgement, stageContext } from '../support/releases.ts'

const ready = { v1: 'ready', v2: 'ready', v3: 'ready' } as const

/** Runs the events through the strategy as a release would: weights that it sets are in force from then on. */
function check(
  plan: BanditPlan,
  steps: readonly [StageEvent, readonly unknown[], Partial<StageContext>?][],
): BanditState {
  let state = bandit.initial(plan)
  let context = stageContext({ fleets: ready })
  for (const [event, expected, over] of steps) {
    context = { ...context, ...over }
    const result = bandit.step(plan, state, event, context)
    expect(result.commands.map(shortly)).toEqual(expected)
    if (expected.length === 0 && event.type === 'judged' && !retires(event)) expect(result.state).toBe(state)
    state = result.state
    for (const command of result.commands)
      if (command.type === 'set-weights')
        context = { ...context, weights: command.weights, epoch: context.epoch + 1, appliedEpoch: context.epoch + 1 }
  }
  return state
}

function retires({ judgement }: StageEvent & { type: 'judged' }): boolean {
  return Object.values(judgement.arms ?? {}).some(({ verdict }) => verdict === 'fail')
}

function shortly(command: StageCommand): unknown {
  switch (command.type) {
    case 'set-weights':
      return Object.keys(command.weights).filter(version => (command.weights[version] ?? 0) > 0)
    case 'stop':
    case 'ensure':
      return `${command.type} ${command.version}`
    case 'passed':
      return `passed ${command.winner}`
    case 'failed':
      return `failed ${command.cause}`
    default:
      return command.type
  }
}

function arm(version: string, mean: number, over: Partial<BanditArm> = {}): BanditArm {
  return { version, rewards: 1_000, n: 1_000, mean, variance: Math.abs(mean * (1 - mean)), chance: 0, loss: 0, ...over }
}

function numbers(arms: readonly BanditArm[], over: Partial<BanditNumbers> = {}): BanditNumbers {
  const leader = arms.reduce((best, one) => (one.mean > best.mean ? one : best)).version
  return { arms, weights: nextWeights(banditPlan(), { arms }), leader, evidence: null, ends: false, ...over }
}

it.each([
  ['all', [0.1, 0.9], 'v2 is best with chance 90.00 %: reward 0.3 against 0.2 of v1, 2000 rewards'],
  ['one', [null, 1], 'only v2 has enough rewards to be judged: reward 0.3, 2000 rewards in all'],
  ['none', [null, null], 'no arm has enough of 2000 rewards to be judged'],
] as const)('what is said of the leader where %s of the arms can be judged', (_, [first, second], words) => {
  expect(leaderWords(numbers([arm('v1', 0.2, { chance: first }), arm('v2', 0.3, { chance: second })]))).toBe(words)
})

const passing: ArmJudgement = { ...judgement('pass'), requests: 1_000 }
const failing: ArmJudgement = { ...passing, verdict: 'fail', reason: 'error-rate is far too high' }

function judged(atMs: number, bandit: BanditNumbers, over: Partial<Judgement> = {}): StageEvent & { type: 'judged' } {
  const arms = Object.fromEntries(bandit.arms.map(({ version }) => [version, passing]))
  return { type: 'judged', atMs, judgement: judgement('pass', { bandit, arms, ...over }) }
}

const all = ['v1', 'v2', 'v3']
const entered: StageEvent = { type: 'entered', atMs: 0 }
const even = numbers(all.map(version => arm(version, 0.1)))
const second = numbers([arm('v1', 0.1), arm('v2', 0.2), arm('v3', 0.1)])
const fleet = (version: string, state: 'failed' | 'ready'): StageEvent =>
  state === 'ready'
    ? { type: 'fleet', atMs: 5, version, state, instances: 1 }
    : { type: 'fleet', atMs: 5, version, state, reason: 'exited' }

describe('a bandit', () => {
  it('begins evenly and follows the rewards, no more often than its update says', () => {
    check(banditPlan(), [
      [entered, [all]],
      [judged(59_999, second), []],
      [judged(60_000, second), [all]],
      [judged(60_001, second), []],
    ])
  })

  it('leaves weights alone that would hardly move, and writes nothing down', () => {
    check(banditPlan(), [
      [entered, [all]],
      [judged(60_000, even), []],
      [judged(1e6, even), []],
    ])
  })

  it('begins a new period at each update where old ones are to be forgotten', () => {
    check(banditPlan({ memory: { kind: 'window', epochs: 5 } }), [
      [entered, [all]],
      [judged(60_000, even), [all]],
      [judged(60_001, even), []],
    ])
  })

  it('ends with the best arm, or keeps stable', () => {
    const ends = { ends: true }
    check(banditPlan(), [
      [entered, [all]],
      [judged(1, { ...second, ...ends }), ['passed v2']],
    ])
    const stableBest = numbers([arm('v1', 0.2), arm('v2', 0.1), arm('v3', 0.1)], ends)
    check(banditPlan(), [
      [entered, [all]],
      [judged(1, stableBest), ['failed kept']],
    ])
  })

  it('does not end with a winner that has not passed its guardrails and goals, or before its time; weights rest', () => {
    const won = { ...second, ends: true }
    const open = (v2: Partial<ArmJudgement>) => ({ arms: { v1: passing, v2: { ...passing, ...v2 }, v3: passing } })
    check(banditPlan(), [
      [entered, [all]],
      [judged(60_000, won, open({ verdict: 'insufficient' })), []],
      [judged(60_001, won, open({ goal: { verdict: 'insufficient', reason: '' } })), []],
      [{ ...judged(60_002, won), notBeforeMs: 60_003 }, []],
      [{ ...judged(60_003, won), notBeforeMs: 60_003 }, ['passed v2']],
    ])
  })

  it('keeps stable at its ceiling, with the numbers', () => {
    const plan = banditPlan({ ceilingMs: 100_000 })
    check(plan, [
      [entered, [all]],
      [judged(99_999, even, {}), []],
      [judged(100_000, even), ['failed kept']],
    ])
  })

  it('says at its ceiling what kept the best arm from winning', () => {
    const plan = banditPlan({ ceilingMs: 1 })
    const open = { ...passing, verdict: 'insufficient' as const, reason: 'error-rate: v2 has 9 of 50 requests' }
    const won = { ...second, ends: true }
    const result = bandit.step(plan, bandit.initial(plan), judged(1, won, { arms: { v2: open } }), stageContext())
    const says = 'it waits to win: error-rate: v2 has 9 of 50 requests'
    expect(result.commands).toMatchObject([{ type: 'failed', cause: 'kept', reason: expect.stringContaining(says) }])
  })

  it('retires an arm that fails its guardrail, gives its share to the others, and ends its fleet after the traffic left', () => {
    const state = check(banditPlan(), [
      [entered, [all]],
      [judged(1, even, { arms: { v2: failing, v3: passing } }), [['v1', 'v3']]],
      [{ type: 'applied', atMs: 2, epoch: 2 }, []],
      [{ type: 'applied', atMs: 3, epoch: 3 }, ['stop v2']],
      [{ type: 'applied', atMs: 4, epoch: 3 }, []],
      [judged(60_002, numbers([arm('v1', 0.1), arm('v3', 0.2)])), [['v1', 'v3']]],
    ])
    expect(state.retired).toEqual({ v2: failing.reason })
    expect(bandit.refusesPromotion?.(state, 'v2')).toMatch(/v2 was retired from the race .*far too high/)
    expect(bandit.refusesPromotion?.(state, 'v3')).toBeNull()
  })

  it('protects callers while it is paused or held, and does nothing else', () => {
    check(banditPlan(), [
      [entered, [all]],
      [{ ...judged(60_000, second), paused: true }, []],
      [{ ...judged(60_001, second, { arms: { v2: failing } }), paused: true }, [['v1', 'v3']]],
    ])
  })

  it('goes back when every arm but stable is retired', () => {
    check(banditPlan(), [
      [entered, [all]],
      [judged(1, even, { arms: { v2: failing, v3: failing } }), ['failed guardrail']],
    ])
  })

  it('does not make the last arm stable where nothing shows that it is better', () => {
    const two = ['v2', 'v3']
    check(banditPlan({ arms: two }), [
      [entered, [two]],
      [judged(1, numbers([arm('v2', 0.1), arm('v3', 0.1)]), { arms: { v3: failing, v2: passing } }), [['v2']]],
      [judged(2, numbers([arm('v2', 0.1)], { ends: true }), { arms: {} }), ['failed kept']],
    ])
  })

  it('retires an arm whose fleet is lost; stable rests until it is back', () => {
    check(banditPlan(), [
      [entered, [all]],
      [fleet('v3', 'failed'), [['v1', 'v2']], { fleets: { ...ready, v3: 'failed' } }],
      [fleet('v1', 'failed'), [['v2']], { fleets: { v1: 'failed', v2: 'ready' } }],
      [judged(6, numbers([arm('v1', 0.1), arm('v2', 0.1)])), []],
      [judged(7, numbers([arm('v1', 0.1), arm('v2', 0.1)])), [['v1', 'v2']], { fleets: { v1: 'ready', v2: 'ready' } }],
    ])
  })

  it.each([
    ['that the policy gives nothing', { kind: 'ucb1' }],
    ['that can hardly be the best', { kind: 'thompson' }],
  ] as const)('without a floor changes weights no more often than its update says for an arm %s', (_, policy) => {
    const plan = banditPlan({ policy, floorPpm: 0 })
    const arms = [arm('v1', 0.1), arm('v2', 0.9), arm('v3', 0.1)]
    const look = { ...numbers(arms), weights: nextWeights(plan, { arms }) }
    const back = { ...look, weights: evenWeights(all) }
    check(plan, [
      [entered, [all]],
      [judged(60_000, look), [['v2']]],
      [judged(60_500, look), []],
      [judged(61_000, back), []],
      [judged(119_999, back), []],
      [judged(120_000, back), [all]],
    ])
  })

  it('takes an arm in that was not ready when another one was retired', () => {
    const plan = banditPlan({ arms: [...all, 'v4'] })
    const weights = { v1: 400_000, v2: 400_000, v3: 200_000 }
    const three = numbers([arm('v1', 0.1), arm('v2', 0.1), arm('v4', 0, { rewards: 0, n: 0 })])
    check(plan, [
      [{ type: 'arms', atMs: 1, add: ['v4'], retire: [], actor: 'ann' }, ['ensure v4'], { weights }],
      [judged(2, numbers([...even.arms, arm('v4', 0)]), { arms: { v3: failing } }), [['v1', 'v2']]],
      [judged(3, three), [['v1', 'v2', 'v4']], { fleets: { ...ready, v4: 'ready' } }],
      [judged(4, three), []],
    ])
  })

  it('takes an arm in when its fleet is ready, and an operator may retire one', () => {
    const plan = banditPlan({ arms: [...all, 'v4'] })
    const four = numbers([...second.arms, arm('v4', 0, { rewards: 0, n: 0 })])
    const state = check(plan, [
      [entered, [[...all, 'v4']], { fleets: { ...ready, v4: 'ready' } }],
      [{ type: 'arms', atMs: 1, add: [], retire: ['v3'], actor: 'ann' }, [['v1', 'v2', 'v4']]],
    ])
    expect(state.says).toContain('v3 is retired: by ann')
    const joins: StageEvent = { type: 'arms', atMs: 1, add: ['v4'], retire: [], actor: 'ann' }
    const weights = { v1: 400_000, v2: 400_000, v3: 200_000 }
    check(plan, [
      [joins, ['ensure v4'], { weights, fleets: { ...ready, v4: 'starting' } }],
      [judged(2, four), []],
      [judged(3, four), [[...all, 'v4']], { fleets: { ...ready, v4: 'ready' } }],
    ])
  })

  it('retires an arm that waits to join without a move of traffic', () => {
    const plan = banditPlan({ arms: [...all, 'v4'] })
    const weights = { v1: 400_000, v2: 400_000, v3: 200_000 }
    check(plan, [
      [{ type: 'arms', atMs: 1, add: ['v4'], retire: [], actor: 'ann' }, ['ensure v4'], { weights }],
      [fleet('v4', 'failed'), ['stop v4'], { fleets: { ...ready, v4: 'failed' } }],
    ])
  })

  it('lets a retired arm serve on while nobody else can; the first that is ready takes its place, also while it is paused', () => {
    const plan = banditPlan({ arms: [...all, 'v4'] })
    const down = { v1: 'failed', v2: 'ready', v3: 'failed', v4: 'starting' } as const
    const state = check(plan, [
      [entered, [[...all, 'v4']]],
      [{ type: 'arms', atMs: 1, add: ['v4'], retire: ['v3'], actor: 'ann' }, ['ensure v4', ['v1', 'v2']]],
      [fleet('v1', 'failed'), [['v2']], { fleets: down }],
      [judged(6, numbers([arm('v1', 0.1), arm('v2', 0.1), arm('v4', 0)]), { arms: { v2: failing } }), []],
      [{ type: 'applied', atMs: 6, epoch: 3 }, ['stop v3']],
      [{ ...judged(7, numbers([arm('v1', 0.1), arm('v4', 0)])), paused: true }, []],
      [fleet('v4', 'ready'), [['v4']], { fleets: { ...down, v4: 'ready' } }],
      [{ type: 'applied', atMs: 8, epoch: 5 }, ['stop v2']],
      [
        judged(8, numbers([arm('v1', 0.1), arm('v4', 0)])),
        [['v1', 'v4']],
        { fleets: { ...down, v1: 'ready', v4: 'ready' } },
      ],
    ])
    expect(state.retired).toEqual({ v2: failing.reason, v3: 'by ann' })
  })

  it('hands what a retired arm had to stable where no other arm can serve, though it is no arm', () => {
    const two = ['v2', 'v3']
    check(banditPlan({ arms: two }), [
      [entered, [two]],
      [fleet('v3', 'failed'), [['v2']], { fleets: { ...ready, v3: 'failed' } }],
    ])
    check(banditPlan({ arms: two }), [
      [{ type: 'arms', atMs: 1, add: ['v3'], retire: [], actor: 'ann' }, ['ensure v3'], { weights: { v2: 1_000_000 } }],
      [
        judged(2, numbers([arm('v2', 0.1), arm('v3', 0)]), { arms: { v2: failing } }),
        [['v1']],
        { fleets: { v1: 'ready', v2: 'ready', v3: 'starting' } },
      ],
      [judged(3, numbers([arm('v3', 0)])), [['v3']], { fleets: ready }],
    ])
  })

  it('keeps the shares of a version that starts again after a restart', () => {
    const starting = { v1: 'starting', v2: 'starting', v3: 'starting' } as const
    check(banditPlan(), [
      [entered, [all]],
      [{ type: 'restarted', atMs: 1 }, []],
      [judged(60_000, second), [all], { fleets: starting }],
    ])
  })

  it('ignores numbers of a race that has changed since', () => {
    check(banditPlan(), [
      [entered, [all]],
      [judged(60_000, numbers([arm('v1', 0.1), arm('v2', 0.2)])), []],
    ])
  })
})

const armsOf = fc
  .array(fc.record({ rewards: fc.integer({ min: 0, max: 2_000 }), mean: fc.double({ min: 0, max: 1, noNaN: true }) }), {
    minLength: 1,
    maxLength: 8,
  })
  .map(all => all.map(({ rewards, mean }, i) => arm(`v${i}`, mean, { rewards, n: rewards })))

describe('the end of a race by rewards of any size', () => {
  type Rewards = [n: number, mean: number, variance?: number]
  const ends = (better: 'higher' | 'lower', ...arms: Rewards[]) => {
    const plan = banditPlan({ reward: { ...banditPlan().reward, family: 'gaussian', better } })
    const numbers = arms.map(([n, mean, variance = 0]) => ({ n, mean, variance }))
    const { stop, leader } = bestArm(plan, numbers)
    return stop ? leader : null
  }

  it.each<[what: string, better: 'higher' | 'lower', arms: Rewards[], leader: number | null]>([
    [
      'comes where no arm has ever varied',
      'higher',
      [
        [100, 0],
        [100, 1],
      ],
      1,
    ],
    [
      'comes where less is better',
      'lower',
      [
        [100, 0],
        [100, 1],
        [100, 3],
      ],
      0,
    ],
    [
      'comes where rounding is all that varies',
      'higher',
      [
        [100, 0.1, 1e-34],
        [100, 0.3, 1e-33],
      ],
      1,
    ],
    [
      'comes where one arm varies',
      'higher',
      [
        [100, 0],
        [100, 1, 0.5],
      ],
      1,
    ],
    [
      'does not come among equals',
      'higher',
      [
        [5_000, 1],
        [5_000, 1],
      ],
      null,
    ],
    [
      'does not come by a few rewards',
      'higher',
      [
        [3, 0],
        [3, 1],
      ],
      null,
    ],
    [
      'does not come where the others were met rarely and may be so here',
      'higher',
      [
        [100, 0],
        [100, 0.05, 0.0475],
      ],
      null,
    ],
    [
      'comes where two are close together beside a third',
      'higher',
      [
        [100, 0],
        [100, 999],
        [100, 1_000],
      ],
      2,
    ],
  ])('%s', (_, better, arms, leader) => expect(ends(better, ...arms)).toBe(leader))
})

describe('the weights of a bandit', () => {
  const policies: BanditPlan['policy'][] = [
    { kind: 'thompson' },
    { kind: 'ucb1' },
    { kind: 'epsilon-greedy', epsilon: 0.1 },
    { kind: 'top-two' },
  ]

  it.each(policies)('by $kind are whole, sum to the whole and keep the floor', policy => {
    fc.assert(
      fc.property(armsOf, fc.integer({ min: 0, max: 125_000 }), (arms, floorPpm) => {
        const weights = nextWeights(banditPlan({ policy, floorPpm }), { arms })
        expect(Object.values(weights).reduce((sum, one) => sum + one, 0)).toBe(1_000_000)
        for (const { version } of arms) {
          expect(Number.isInteger(weights[version])).toBe(true)
          expect(weights[version]).toBeGreaterThanOrEqual(floorPpm)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('give an arm without rewards its even share and leave the others as they stood to each other', () => {
    const known = [arm('v1', 0.1), arm('v2', 0.12)]
    const before = nextWeights(banditPlan({ floorPpm: 0 }), { arms: known })
    const after = nextWeights(banditPlan({ floorPpm: 0 }), { arms: [...known, arm('v3', 0, { rewards: 0, n: 0 })] })
    expect(after['v3']).toBeGreaterThanOrEqual(333_333)
    const ratio = (weights: Weights) => (weights['v2'] ?? 0) / (weights['v1'] ?? 1)
    expect(ratio(after) / ratio(before)).toBeCloseTo(1, 3)
  })

  it('are even with too few rewards', () => {
    const arms = [arm('v1', 1, { rewards: 49, n: 49 }), arm('v2', 0, { rewards: 49, n: 49 })]
    expect(nextWeights(banditPlan(), { arms })).toEqual({ v1: 500_000, v2: 500_000 })
    expect(evenWeights(['a', 'b', 'c'])).toEqual({ a: 333_334, b: 333_333, c: 333_333 })
  })

  it('turn over where lower is better, and do not change with the unit of bounded rewards', () => {
    const reward = (over: Partial<BanditPlan['reward']>) => ({ ...banditPlan().reward, ...over })
    const of = (over: Partial<BanditPlan['reward']>, low: number, high: number) =>
      nextWeights(banditPlan({ reward: reward(over) }), { arms: [arm('v1', low), arm('v2', high)] })
    const plain = of({}, 0.1, 0.12)
    expect(plain['v2']).toBeGreaterThan(800_000)
    expect(of({ better: 'lower' }, 0.9, 0.88)['v2']).toBeCloseTo(plain['v2'] ?? 0, -1)
    expect(of({ family: 'bounded', lower: -50, upper: 50 }, -40, -38)['v2']).toBeCloseTo(plain['v2'] ?? 0, -1)
    const gaussian = { family: 'gaussian', better: 'lower' } as const
    expect(of(gaussian, 9, 8)['v2']).toBeGreaterThan(980_000)
  })

  it('of those that stay keep their proportions', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 2, maxLength: 8 }), parts => {
        const versions = parts.map((_, i) => `v${i}`)
        const weights = weightsFrom(versions, parts, 0)
        const stay = versions.slice(1)
        const left = weightsAmong(weights, stay)
        expect(Object.values(left).reduce((sum, one) => sum + one, 0)).toBe(1_000_000)
        const sum = stay.reduce((total, version) => total + (weights[version] ?? 0), 0)
        if (sum === 0) return
        for (const version of stay)
          expect(Math.abs((left[version] ?? 0) - ((weights[version] ?? 0) / sum) * 1_000_000)).toBeLessThanOrEqual(1)
      }),
    )
  })
})
