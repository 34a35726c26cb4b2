import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Reason } from '../../src/core/advise/advise.ts'
import type { Option } from '../../src/core/advise/options.ts'
import { rules } from '../../src/core/advise/rules/rules.ts'
import { guardrailSample, pairsInflation, pairsSample } from '../../src/core/advise/samples.ts'
import { type Answers, assumptions, type Situation, type Told } from '../../src/core/advise/situation.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { SignalReport } from '../../src/core/label-delays.ts'
import type { StageKind } from '../../src/core/stage-plans.ts'
import { advised, busy, planOf, shop, situationIn, unknown } from '../support/advice.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000
const conversion = { goal: { metric: 'conversion', effect: '5%' } }
const scarce: Answers = { requestsPerSecond: 0.01, usersPerDay: 400 }
const late = (name: string, p90Ms: number): SignalReport => ({
  name,
  metrics: [],
  atMs: 0,
  delay: { p50Ms: p90Ms / 2, p90Ms, p99Ms: 2 * p90Ms, horizonMs: 4 * p90Ms },
  maturity: { known: false, reason: '' },
  versions: [],
})

describe('what the field knows', () => {
  const cases: [string, Situation, readonly StageKind[], boolean?][] = [
    ['a shadow first where nobody may meet what is not judged', situationIn({ exposure: false }), ['shadow', 'canary']],
    [
      'a test for a simple hypothesis with enough traffic, behind a canary',
      situationIn(conversion),
      ['canary', 'abTest'],
    ],
    [
      'a bandit where time is short, arms are many and the goal is all that counts',
      situationIn({ ...conversion, candidates: ['v2', 'v3', 'v4'], onlyGoal: true, withinMs: 3 * dayMs }),
      ['bandit'],
    ],
    [
      'a switch of everybody where downtime is not allowed and the change is complex',
      situationIn({ change: 'complex' }),
      ['shadow', 'blueGreen'],
    ],
    [
      'that switch alone where requests have effects and cannot be copied',
      situationIn({ change: 'complex', idempotent: false }),
      ['blueGreen'],
    ],
    ['a canary where it may be exposed and must be watched', situationIn(), ['canary']],
    ['a canary where nothing is known of the endpoint', situationIn({}, unknown), ['canary']],
    [
      'a roll where there is little surplus',
      situationIn({ expensive: true }, busy, shop({ instances: 4 })),
      ['rolling'],
    ],
    [
      'a recreation where downtime is fine and one GPU is all there is',
      situationIn({ expensive: true, downtime: true }, busy, shop({ capacity: { instances: 1 } })),
      ['recreate'],
    ],
    ['pairs where traffic is scarce', situationIn(scarce), ['shadow', 'canary']],
  ]
  it.each(cases)('is %s', (_rule, situation, stages) => {
    const [first] = advised(situation).plans
    expect([first?.stages, first?.possible]).toEqual([stages, true])
  })

  it.each<[string, Answers, boolean]>([
    ['for groups of users', { groups: [{ header: 'x-tier', equals: 'beta' }] }, true],
    ['around a complex change', { change: 'complex' }, true],
    ['for nothing else', {}, false],
  ])('combines flags with any plan %s', (_rule, answers, wanted) => {
    expect(advised(situationIn(answers)).flags.wanted).toBe(wanted)
  })
})

describe('every rule holds where it says, and not elsewhere', () => {
  type Case = { in: readonly StageKind[]; holds: Situation; fails: Situation }
  const of = (option: Option, holds: Situation, fails: Situation): Case => ({ in: option, holds, fails })
  const several = situationIn({ candidates: ['v2', 'v3'] })
  const dear = situationIn({ expensive: true })
  const complex = situationIn({ change: 'complex' })
  const plain = situationIn()
  const goal = situationIn(conversion)
  const all = situationIn({ ...conversion, onlyGoal: true })
  const many = situationIn({ ...conversion, candidates: ['v2', 'v3'], onlyGoal: true })
  const goalless = situationIn({}, { ...busy, baseline: null }, shop({ metrics: {} }))
  const large = situationIn({}, busy, shop({ instances: 3 }))
  const watched = situationIn({}, busy, shop({ monitor: { 'error-rate': { max: '5%' } } }))
  const stopping = situationIn({ downtime: true })
  const grouped = situationIn({ groups: [{ header: 'x-tier', equals: 'beta' }] })
  const unrecorded = situationIn({ expensive: true }, busy, shop({ 'payload-sample': '0%' }))
  const other = (option: Option, holds: Situation, elsewhere: Option): Case & { elsewhere: Option } => ({
    ...of(option, holds, holds),
    elsewhere,
  })

  const cases: Record<string, Case & { elsewhere?: Option }> = {
    'unjudged-exposure': of(['canary'], situationIn({ exposure: false }), plain),
    'downtime-not-allowed': of(['recreate'], plain, stopping),
    'copies-repeat-effects': of(['shadow'], situationIn({ idempotent: false }), plain),
    'test-without-goal': of(['abTest'], goalless, plain),
    'bandit-without-reward': of(['bandit'], goalless, plain),
    'tested-unseen': of(['shadow'], situationIn({ exposure: false }), plain),
    'complex-change-unseen': of(['shadow'], complex, plain),
    'pairs-need-fewer': of(['shadow'], situationIn(scarce), plain),
    'several-on-the-same-requests': of(['shadow'], several, plain),
    'copies-see-no-reaction': of(['shadow'], goal, plain),
    'shadow-then-everybody': other(['shadow'], plain, ['shadow', 'canary']),
    'shadow-fleet-is-dear': of(['shadow'], unrecorded, dear),
    'simple-hypothesis': of(['abTest'], goal, complex),
    'unbiased-effect': of(['abTest'], goal, all),
    'sample-not-known': of(['abTest'], situationIn({}, unknown), plain),
    'complex-change-in-one-metric': of(['abTest'], complex, plain),
    'half-meets-it': other(['abTest'], plain, ['canary', 'abTest']),
    'test-fleets-are-dear': of(['abTest'], dear, plain),
    'arms-are-dear': of(['bandit'], dear, plain),
    'many-arms-one-reward': of(['bandit'], many, all),
    'reward-is-all': of(['bandit'], all, goal),
    'no-time-to-learn-first': of(
      ['bandit'],
      situationIn({ ...conversion, onlyGoal: true, withinMs: dayMs }),
      situationIn({ ...conversion, onlyGoal: true, withinMs: 30 * dayMs }),
    ),
    'biased-by-design': of(['bandit'], goal, all),
    'two-arms-are-a-test': of(['bandit'], all, many),
    'late-rewards': of(
      ['bandit'],
      situationIn({ withinMs: dayMs }, { ...busy, delays: [late('metrics.converted', 10 * hourMs)] }),
      situationIn({ withinMs: 7 * dayMs }, { ...busy, delays: [late('metrics.converted', 10 * hourMs)] }),
    ),
    'watched-in-small-shares': of(['canary'], plain, situationIn({ exposure: false })),
    'judged-then-in-small-shares': other(['shadow', 'canary'], plain, ['canary']),
    'canary-before-the-test': other(['canary', 'abTest'], plain, ['canary']),
    'shares-of-a-group': of(['canary'], grouped, plain),
    'steps-without-traffic': of(['canary'], situationIn(scarce), plain),
    'both-fleets-are-dear': of(['canary'], dear, plain),
    'switch-at-once': of(['blueGreen'], complex, plain),
    'never-side-by-side': other(['blueGreen'], plain, ['canary']),
    'double-fleet-is-dear': of(['blueGreen'], dear, plain),
    'everybody-after-the-switch': of(['blueGreen'], plain, complex),
    'little-surplus': of(['rolling'], dear, situationIn({ expensive: true, downtime: true })),
    'gradual-replacement': of(['rolling'], large, plain),
    'shares-by-instances': of(['rolling'], plain, large),
    'capacity-leaves-with-it': of(['rolling'], plain, dear),
    'one-fleet-at-a-time': of(['recreate'], situationIn({ downtime: true, expensive: true }), stopping),
    'downtime-is-fine': of(['recreate'], stopping, plain),
    'compares-nothing': of(['recreate'], plain, watched),
    'one-candidate-only': of(['canary'], several, plain),
    'improvement-not-shown': of(['canary'], goal, plain),
    'too-late': of(['abTest'], situationIn({ ...conversion, withinMs: hourMs }), goal),
    'further-stages': other(['shadow', 'canary'], plain, ['canary']),
    'third-stage': other(['shadow', 'canary', 'abTest'], plain, ['shadow', 'abTest']),
  }
  const flags: Record<string, [Situation, Situation]> = {
    'flags-for-groups': [grouped, plain],
    'flags-as-kill-switch': [complex, plain],
    'flags-not-needed': [plain, complex],
  }

  it('with a case for each', () => {
    const named = rules.map(({ name }) => name)
    expect(new Set(named).size).toBe(named.length)
    expect([...Object.keys(cases), ...Object.keys(flags)].toSorted()).toEqual(named.toSorted())
  })

  const reasons = (situation: Situation, option: Option): readonly Reason[] => {
    const { fit, misfit } = planOf(advised(situation), ...option)
    return [...fit, ...misfit]
  }
  it.each(Object.entries(cases))('%s', (name, { in: option, holds, fails, elsewhere = option }) => {
    const rule = rules.find(one => one.name === name)
    expect(reasons(holds, option)).toContainEqual(expect.objectContaining({ rule: name, effect: rule?.effect }))
    expect(reasons(fails, elsewhere).map(one => one.rule)).not.toContain(name)
  })

  it.each(Object.entries(flags))('%s', (name, [holds, fails]) => {
    expect(advised(holds).flags.reasons.map(one => one.rule)).toContain(name)
    expect(advised(fails).flags.reasons.map(one => one.rule)).not.toContain(name)
  })
})

describe('a stage whose time is not known', () => {
  it('makes no plan earlier than its other stages, or its sample, are', () => {
    const rare = situationIn({ ...conversion, requestsPerSecond: 0.00001, usersPerDay: 1 })
    const lateOf = (...option: Option) => {
      const { misfit, figures } = planOf(advised(rare), ...option)
      return [figures.totalMs === null, misfit.find(({ rule }) => rule === 'too-late')?.says ?? null]
    }
    expect(lateOf('canary')).toEqual([false, expect.stringContaining('too late (about ')])
    expect(lateOf('canary', 'abTest')).toEqual([true, expect.stringContaining('too late (at least ')])
    expect(lateOf('abTest')).toEqual([true, expect.stringContaining('too late (at least ')])
    const unknownTest = situationIn(
      { ...conversion, withinMs: hourMs },
      { ...busy, requestsPerSecond: 0.001, baseline: null },
    )
    expect(planOf(advised(unknownTest), 'canary', 'abTest').misfit.map(({ rule }) => rule)).toContain('too-late')
  })
})

describe('what is not possible', () => {
  it('is told with the numbers of the pre-flight, and comes last', () => {
    const { plans } = advised(situationIn({ downtime: true }, busy, shop({ instances: 2, capacity: { instances: 2 } })))
    const blueGreen = plans.find(({ stages }) => stages.join() === 'blueGreen')
    expect(blueGreen).toMatchObject({ possible: false })
    expect(blueGreen?.refusals[0]?.message).toMatch(/needs 4 instances at once \(v1 2, v4 2\).* a capacity of 2/)
    const last = plans.map(({ possible }) => possible).lastIndexOf(true)
    expect(plans.slice(0, last + 1).every(({ possible }) => possible)).toBe(true)
  })

  it('is everything on an endpoint that keeps no predictions', () => {
    const { plans } = advised(situationIn({}, unknown, shop({ recording: 'off' })))
    expect(plans.some(({ possible }) => possible)).toBe(false)
  })
})

describe('figures', () => {
  const figures = (situation: Situation, ...option: Option) => planOf(advised(situation), ...option).figures

  it('expose as many as the sample of the guardrail at the first share, whatever the traffic', () => {
    const slow = figures(situationIn({ requestsPerSecond: 1 }), 'abTest').exposure.requests
    expect(figures(situationIn({ requestsPerSecond: 100 }), 'abTest').exposure.requests).toBe(slow)
    const sample = guardrailSample({ rate: 0.1, harm: 0.05, margin: 0.01, alpha: 0.01, share: 0.5 })
    expect(slow).toBe(sample?.needed)
  })

  it('expose those as well that wait for their labels', () => {
    const delayed: Told = { ...busy, delays: [late('label', hourMs)] }
    const without = figures(situationIn(), 'abTest').exposure.requests ?? 0
    const waiting = figures(situationIn({}, delayed), 'abTest').exposure.requests ?? 0
    expect(waiting - without).toBe(10 * 0.5 * 3_600)
  })

  it('expose fewer where the guardrail is met by fewer users, a shadow judged before, or a replay refuses', () => {
    const met = (...option: Option) => figures(situationIn(), ...option).exposure.requests ?? Number.NaN
    expect(met('canary')).toBeLessThan(met('abTest'))
    expect(met('shadow', 'canary')).toBe(Math.ceil(met('canary') * (1 - 0.8)))
    expect(met('shadow')).toBe(0)
    expect(met('blueGreen')).toBeLessThan(met('canary'))
  })

  it('say that nothing would end a bad version that was recreated', () => {
    expect(figures(situationIn({ downtime: true }), 'recreate').exposure).toMatchObject({ requests: null, users: null })
  })

  it('count instances by the real peaks, and hours by how long the verdict takes', () => {
    const situation = situationIn({}, busy, shop({ instances: 3 }))
    expect(figures(situation, 'canary').capacity).toMatchObject({ peakInstances: 6, extraInstances: 3 })
    expect(figures(situation, 'rolling').capacity).toMatchObject({ peakInstances: 4, extraInstances: 1 })
    const { totalMs, capacity } = figures(situation, 'abTest')
    // Probation of an hour after the test keeps the old fleet.
    expect(capacity.instanceHours).toBeCloseTo((3 * (totalMs ?? 0)) / hourMs + 3)
  })

  it.each<[Option, Partial<ReturnType<typeof figures>>]>([
    [['recreate'], { zeroDowntime: false, realTraffic: 'none', exposesUnjudged: true }],
    [['shadow'], { zeroDowntime: true, realTraffic: 'copies', exposesUnjudged: false }],
    [['blueGreen'], { zeroDowntime: true, realTraffic: 'recorded', exposesUnjudged: false }],
    [['canary'], { zeroDowntime: true, realTraffic: 'live', exposesUnjudged: true }],
    [['shadow', 'canary'], { zeroDowntime: true, realTraffic: 'copies', exposesUnjudged: false }],
  ])('of %j are what it is', (option, expected) => {
    expect(figures(situationIn(), ...option)).toMatchObject(expected)
  })

  it('take longer to go back the more has to be started again', () => {
    const ms = (...option: Option) => figures(situationIn({}, busy, shop({ instances: 3 })), ...option).rollback.ms
    expect(ms('shadow')).toBe(0)
    expect(ms('canary')).toBeLessThan(ms('rolling'))
    expect(ms('rolling')).toBeLessThan(ms('recreate'))
  })

  it('read a stated baseline of a share by row as its harmful part', () => {
    const metrics = { picked: { type: 'rate', of: 'picked', 'unit-level': false } }
    const at = (mean: number) =>
      figures(
        situationIn(
          { goal: { metric: 'picked', effect: '1pp' }, baseline: { mean }, usersPerDay: 1e5 },
          busy,
          shop({ metrics }),
        ),
        'abTest',
      ).verdicts[0]?.sample?.needed ?? Number.NaN
    // 90 % and 10 % vary alike; so do their tests, but for the effect itself.
    expect(Math.abs(at(0.9) / at(0.1) - 1)).toBeLessThan(0.25)
    expect(at(0.5)).toBeGreaterThan(2 * at(0.9))
  })
})

describe('samples cost what was measured', () => {
  const page = readFileSync(new URL('../../docs/evidence.md', import.meta.url), 'utf8')
  const measuredOf = (row: string) => {
    const line = page.split('\n').find(one => one.startsWith(`| ${row} |`)) ?? ''
    const cells = line.split('|').map(cell => cell.trim())
    return { fixed: Number(cells[2]?.replace(',', '')), inflation: Number(cells.at(-2)) }
  }

  it('of pairs, as the page says', () => {
    const row = measuredOf('goal: 5 % of pairs discordant, both alike, worse by less than 1 pp')
    expect(pairsInflation).toBe(row.inflation)
    expect(pairsSample({ discordance: 0.05, margin: 0.01 }).fixed).toBe(row.fixed)
  })

  it.each([
    ['guardrail: accuracy 90 %, candidate 85 %', 0.1, 0.05],
    ['guardrail: accuracy 90 %, candidate 80 %', 0.1, 0.1],
    ['guardrail: error rate 4 %, 50 % more', 0.04, 0.02],
  ])('of a %s within a quarter', (row, rate, harm) => {
    const { inflation } = measuredOf(row)
    const sample = guardrailSample({ rate, harm, margin: 0, alpha: 0.05, share: 0.5 })
    expect(Math.abs((sample?.inflation ?? 0) / inflation - 1)).toBeLessThan(0.25)
  })
})

describe('in any situation', () => {
  const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined })
  const margin = fc.constantFrom('0.5%', '2%', '20%', '0.5pp', '3')
  const labelled = { output: 'label' }
  const measures = fc.constantFrom(
    { metrics: {}, prediction: labelled },
    { metrics: {}, prediction: null },
    { metrics: { accuracy: { type: 'accuracy' } }, prediction: labelled },
    { metrics: { rank: { type: 'ndcg' } }, prediction: { output: 'list', read: 'ranking' } },
    { metrics: { conversion: { type: 'mean', of: 'converted', 'unit-level': true } }, prediction: null },
    {
      metrics: {
        accuracy: { type: 'accuracy' },
        bought: { type: 'rate', of: 'bought' },
        basket: { type: 'mean', of: 'euros' },
      },
      prediction: labelled,
    },
    {
      metrics: {
        clicks: { type: 'ratio', of: 'clicks', per: 'views', better: 'higher' },
        loss: { type: 'mean', of: 'reward', better: 'lower' },
      },
      prediction: null,
    },
  )
  const endpoints = fc.record(
    {
      instances: fc.integer({ min: 1, max: 9 }),
      measures,
      room: fc.constantFrom(0, 1, 9, 40, null),
      'payload-sample': fc.constantFrom('0%', '1%', '100%'),
      recording: fc.constantFrom('on', 'on', 'on', 'off'),
    },
    { requiredKeys: ['instances', 'measures', 'room'] },
  )
  const told: fc.Arbitrary<Told> = fc.record({
    requestsPerSecond: fc.option(fc.constantFrom(0, 0.001, 0.3, 12, 4_000)),
    seen: fc
      .option(
        fc.record({
          requests: fc.integer({ min: 0, max: 1e7 }),
          errors: fc.constantFrom(0, 3),
          units: fc.constantFrom(0, 1, 900),
          labelled: fc.constantFrom(0, 50),
          wrong: fc.constantFrom(0, 20, 50),
          latencyP95Ms: fc.option(fc.double({ min: 0.1, max: 1e4, noNaN: true })),
        }),
      )
      .map(seen => (seen !== null && seen.requests < 3 ? { ...seen, errors: 0 } : seen)),
    delays: fc.constantFrom([], [late('label', hourMs)], [late('label', 40 * dayMs), late('reward', 5 * dayMs)]),
    baseline: fc.constantFrom(
      null,
      { known: false as const, reason: 'too few' },
      { known: true as const, baseline: { n: 500, mean: 0.1, variance: 0.09, perDay: 2_000 } },
      { known: true as const, baseline: { n: 500, mean: 0, variance: 0, perDay: null } },
      { known: true as const, baseline: { n: 500, mean: -40, variance: 9_000, perDay: 3 } },
    ),
  })
  const answers = (spec: EndpointSpec): fc.Arbitrary<Answers> => {
    const names = Object.keys(spec.metrics)
    const goal =
      names.length === 0
        ? fc.constant(undefined)
        : maybe(fc.record({ metric: fc.constantFrom(...names), effect: margin }))
    const drawn = fc.record({
      candidates: maybe(fc.subarray(['v2', 'v3', 'v4'], { minLength: 1 })),
      goal,
      exposure: maybe(fc.boolean()),
      downtime: maybe(fc.boolean()),
      withinMs: maybe(fc.constantFrom(1_000, 90_000, hourMs, 36 * hourMs, 7 * dayMs, 400 * dayMs)),
      onlyGoal: maybe(fc.boolean()),
      change: maybe(fc.constantFrom('simple' as const, 'complex' as const)),
      expensive: maybe(fc.boolean()),
      idempotent: maybe(fc.boolean()),
      groups: maybe(fc.constant([{ header: 'x-tier', in: ['beta', 'staff'] }])),
      harm: maybe(
        fc.record({
          metric: fc.constantFrom('error-rate' as const, 'accuracy' as const),
          by: fc.constantFrom(0.0001, 0.003, 0.05, 1),
        }),
      ),
      requestsPerSecond: maybe(fc.constantFrom(0, 5)),
      usersPerDay: maybe(fc.constantFrom(10, 1e6)),
      baseline: maybe(fc.constantFrom({ mean: 0.02 }, { mean: 12, deviation: 30 })),
    })
    return drawn.map(all => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
  }
  const situations = endpoints.chain(({ measures: { metrics, prediction }, room, ...document }) => {
    const capacity = room === null ? undefined : { instances: document.instances + room }
    const filled = Object.entries({ ...document, metrics, capacity, prediction: prediction ?? undefined })
    const spec = shop({
      ...Object.fromEntries(filled.filter(([, value]) => value !== undefined)),
      ...(prediction === null && { prediction: undefined }),
    })
    return fc.tuple(answers(spec), told).map(([said, known]) => situationIn(said, known, spec))
  })

  it('every file is a valid release, what is possible passes the pre-flight, and numbers are numbers', () => {
    fc.assert(
      fc.property(situations, situation => {
        // The planner throws for a file that does not compile.
        const { plans } = advised(situation)
        expect(plans.length).toBe(13)
        for (const { possible, refusals, fit, misfit, score, figures } of plans) {
          const isExcluded = misfit.some(({ effect }) => effect === 'veto')
          expect(possible).toBe(!isExcluded && refusals.length === 0)
          const sum = [...fit, ...misfit].reduce((total, { effect }) => total + (effect === 'veto' ? 0 : effect), 0)
          expect(score).toBe(sum)
          const { totalMs, exposure, capacity, rollback } = figures
          const told = [totalMs, exposure.requests, exposure.users, capacity.instanceHours, rollback.ms]
          expect(told.every(number => number === null || (Number.isFinite(number) && number >= 0))).toBe(true)
          expect(exposure.users === null || exposure.users <= (exposure.requests ?? 0)).toBe(true)
          if (!situation.exposure.value && possible) expect(figures.exposesUnjudged).toBe(false)
          if (!situation.downtime.value && possible) expect(figures.zeroDowntime).toBe(true)
        }
      }),
      { numRuns: 400 },
    )
  }, 120_000)

  it('the same question has the same answer, in falling order of merit', () => {
    fc.assert(
      fc.property(situations, situation => {
        const { plans } = advised(situation)
        expect(advised(situation).plans).toEqual(plans)
        const merit = plans.map(({ possible, score }) => (possible ? 1_000 : 0) + score)
        expect(merit).toEqual(merit.toSorted((a, b) => b - a))
        expect(plans.map(({ rank }) => rank)).toEqual(plans.map((_, index) => index + 1))
      }),
      { numRuns: 50 },
    )
  }, 60_000)
})

it('assumes what it says it assumes', () => {
  const { exposure, downtime, change, expensive, idempotent, onlyGoal, harm } = situationIn({}, unknown)
  for (const known of [exposure, downtime, change, expensive, idempotent, onlyGoal]) expect(known.from).toBe('assumed')
  expect(exposure.value).toBe(assumptions.exposure)
  expect(harm).toMatchObject({ from: 'assumed', value: { metric: 'error-rate', by: assumptions.harm } })
})
