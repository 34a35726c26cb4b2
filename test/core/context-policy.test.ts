import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assign, saltSeed } from '../../src/core/assign.ts'
import { columnNames, columnsOf } from '../../src/core/bandit/context.ts'
import { fitContext } from '../../src/core/bandit/context-fit.ts'
import { type ContextPolicy, modelRow, partsAt } from '../../src/core/bandit/context-policy.ts'
import type { LinearPolicy } from '../../src/core/stage-plans.ts'
import { moveTable, soleTable, type TrafficTable } from '../../src/core/traffic.ts'
import { emptyRidge, observeRidge, solveRidge } from '../../src/stats/bandit/ridge.ts'
import { randomFrom } from '../../src/stats/numerics/random.ts'
import { ExactMoments } from '../../src/stats/summaries/exact-moments.ts'
import { banditPlan } from '../support/bandits.ts'

const features = [
  { name: 'age', categories: null },
  { name: 'country', categories: ['de', 'fr'] },
]
const context = { features, explorePpm: 200_000 }
const linTs: LinearPolicy = { kind: 'lin-ts', scale: 1 }
const linUcb: LinearPolicy = { kind: 'lin-ucb', scale: 1, epsilon: 0.1 }

type Seen = { age: number | null; country: string; reward: number }

const seen = fc.record({
  age: fc.option(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { freq: 10 }),
  country: fc.constantFrom('de', 'fr', 'es'),
  reward: fc.double({ min: -10, max: 10, noNaN: true }),
})
const armRows = fc.array(seen, { minLength: 2, maxLength: 30 })

function momentsOf(rows: readonly Seen[]) {
  const moments = new ExactMoments(columnNames(features).length + 1)
  for (const { reward, ...values } of rows) moments.add([...columnsOf(features, values), reward])
  return moments.read()
}

function fitOf(
  arms: readonly (readonly Seen[])[],
  policy: LinearPolicy = linTs,
  better: 'higher' | 'lower' = 'higher',
) {
  const plan = banditPlan({ policy, context, minRewards: 2 })
  const strata = [{ arms: arms.map(momentsOf), weight: 1 }]
  const fit = fitContext(
    { ...plan, reward: { ...plan.reward, better } },
    arms.map((_, arm) => `v${arm + 1}`),
    strata,
  )
  if (fit === null) throw new Error('nothing was fitted')
  return fit
}

function policyOf(arms: readonly (readonly Seen[])[], policy: LinearPolicy, floorPpm = 50_000) {
  return { features, explorePpm: 200_000, floorPpm, fit: fitOf(arms, policy) }
}

/** Where age and country decide: v1 for the old, v2 for the young. */
function crossing(random: ReturnType<typeof randomFrom>, sign: number): Seen[] {
  return Array.from({ length: 400 }, () => {
    const age = 20 + 60 * random.next()
    return { age, country: random.next() < 0.5 ? 'de' : 'es', reward: (sign * (age - 50)) / 60 + random.next() }
  })
}

function tableOf(policy: ContextPolicy): TrafficTable {
  const start = soleTable({ endpoint: 'digits', version: 'v1', epoch: 1, salt: 'salt' })
  return moveTable(start, { weights: { v1: 700_000, v2: 300_000 }, stable: 'v1', release: 'r', policy })
}

function meet(table: TrafficTable, units: number, values: Record<string, number | string> | null) {
  const seed = saltSeed(table.salt)
  return Array.from({ length: units }, (_, unit) =>
    assign(table, { unit: `u${unit}`, seed, header: () => undefined, features: values }),
  )
}

describe('columns', () => {
  it('of a missing number are a mark, of an unknown or missing category none', () => {
    expect(columnNames(features)).toEqual(['age', 'age missing', 'country=de', 'country=fr'])
    expect(columnsOf(features, { age: 41, country: 'fr' })).toEqual([41, 0, 0, 1])
    expect(columnsOf(features, { age: null, country: 'es' })).toEqual([0, 1, 0, 0])
    expect(columnsOf(features, { age: 1e200 })).toEqual([0, 1, 0, 0])
  })
})

describe('a fit', () => {
  it('is the ridge regression of the scaled rows, whatever the order, and the same from several epochs', () => {
    fc.assert(
      fc.property(fc.array(armRows, { minLength: 2, maxLength: 3 }), fc.boolean(), (arms, isLower) => {
        const fit = fitOf(arms, linTs, isLower ? 'lower' : 'higher')
        const all = arms.flat()
        const origin = all.reduce((sum, { reward }) => sum + reward, 0) / all.length
        const states = arms.map(rows =>
          rows.reduce(
            (state, { reward, ...values }) => {
              const next = observeRidge({
                state,
                features: modelRow(fit, columnsOf(features, values)),
                reward: (isLower ? -1 : 1) * (reward - origin),
              })
              if (!next.ok) throw new Error(next.reason)
              return next.state
            },
            (emptyRidge({ features: 5 }) as { state: Parameters<typeof observeRidge>[0]['state'] }).state,
          ),
        )
        const expected = solveRidge({ states })
        if (!expected.ok) throw new Error(expected.reason)
        for (const [arm, { coefficients }] of expected.models.entries())
          for (const [index, value] of coefficients.entries())
            expect(fit.arms[arm]?.coefficients[index]).toBeCloseTo(value, 6)
        const halves = [0, 1].map(part => ({
          arms: arms.map(rows => momentsOf(rows.filter((_, index) => index % 2 === part))),
          weight: 1,
        }))
        const plan = banditPlan({ policy: linTs, context, minRewards: 2 })
        const names = arms.map((_, arm) => `v${arm + 1}`)
        const split = fitContext(
          { ...plan, reward: { ...plan.reward, better: isLower ? 'lower' : 'higher' } },
          names,
          halves,
        )
        for (const [arm, { coefficients }] of fit.arms.entries())
          for (const [index, value] of coefficients.entries())
            expect(split?.arms[arm]?.coefficients[index]).toBeCloseTo(value, 6)
      }),
      { numRuns: 100 },
    )
  })

  it('waits until every arm has the rewards that the plan asks for', () => {
    const plan = banditPlan({ policy: linTs, context, minRewards: 3 })
    const three: Seen[] = [1, 2, 3].map(age => ({ age, country: 'de', reward: age }))
    const strata = (first: readonly Seen[]) => [{ arms: [momentsOf(first), momentsOf(three)], weight: 1 }]
    expect(fitContext(plan, ['v1', 'v2'], strata(three.slice(1)))).toBeNull()
    expect(fitContext(plan, ['v1', 'v2'], strata(three))?.arms.map(({ version }) => version)).toEqual(['v1', 'v2'])
    expect(fitContext(banditPlan(), ['v1', 'v2'], strata(three))).toBeNull()
  })

  it('keeps the digits of numbers far from 0', () => {
    const random = randomFrom(3)
    const near = [crossing(random, 1), crossing(random, -1)]
    const far = near.map(rows => rows.map(row => ({ ...row, age: (row.age ?? 0) + 2 ** 32 })))
    const [here, there] = [fitOf(near), fitOf(far)]
    for (const [arm, { coefficients }] of here.arms.entries())
      for (const [index, value] of coefficients.entries())
        expect(there.arms[arm]?.coefficients[index]).toBeCloseTo(value, 5)
  })
})

describe('probabilities by features', () => {
  it('are whole parts that sum to the whole, each with the floor, for whatever is asked', () => {
    const asked = fc.record({
      age: fc.oneof(fc.double(), fc.constant(null), fc.constant('old')),
      country: fc.oneof(fc.string(), fc.constant('de'), fc.constant(null)),
    })
    fc.assert(
      fc.property(
        fc.array(armRows, { minLength: 2, maxLength: 5 }),
        fc.constantFrom(linTs, linUcb),
        fc.integer({ min: 0, max: 200_000 }),
        asked,
        (arms, policy, floorPpm, values) => {
          const parts = partsAt(policyOf(arms, policy, floorPpm), values)
          expect(parts.reduce((sum, one) => sum + one, 0)).toBe(1_000)
          for (const one of parts) {
            expect(Number.isInteger(one)).toBe(true)
            expect(one).toBeGreaterThanOrEqual(Math.min(Math.ceil(floorPpm / 1_000), Math.floor(1_000 / arms.length)))
          }
        },
      ),
    )
  })

  it('follow the features where these decide', () => {
    const random = randomFrom(1)
    const arms = [crossing(random, 1), crossing(random, -1)]
    for (const policy of [linTs, linUcb]) {
      const of = policyOf(arms, policy)
      expect(partsAt(of, { age: 75, country: 'de' })[0]).toBeGreaterThan(850)
      expect(partsAt(of, { age: 25, country: 'de' })[0]).toBeLessThan(150)
    }
  })

  it('are the shares of the units that meet each version, and the propensities that are told', () => {
    const random = randomFrom(2)
    const table = tableOf(policyOf([crossing(random, 1), crossing(random, -1)], linTs))
    for (const age of [25, 48, 51, 75]) {
      const met = meet(table, 20_000, { age, country: 'de' })
      const chosen = met.filter(({ byContext }) => byContext === true)
      expect(Math.abs(chosen.length / met.length - 0.8)).toBeLessThan(0.015)
      const share = chosen.filter(({ version }) => version === 'v1').length / chosen.length
      expect(Math.abs(share - (chosen.find(({ version }) => version === 'v1')?.propensity ?? 0))).toBeLessThan(0.015)
      const explored = met.filter(({ byContext }) => byContext === undefined)
      expect(explored.every(({ version, propensity }) => propensity === (version === 'v1' ? 0.7 : 0.3))).toBe(true)
      const explorers = explored.filter(({ version }) => version === 'v1').length / explored.length
      expect(Math.abs(explorers - 0.7)).toBeLessThan(0.03)
    }
  })

  it('are those of the weights without features, before anything is known, and for rules', () => {
    const random = randomFrom(2)
    const policy = policyOf([crossing(random, 1), crossing(random, -1)], linTs)
    const bare = { ...policy, fit: null }
    const known = { age: 75, country: 'de' }
    const plain = meet(tableOf(bare), 500, known)
    expect(meet(tableOf(policy), 500, null)).toEqual(plain)
    expect(plain.every(({ propensity, version }) => propensity === (version === 'v1' ? 0.7 : 0.3))).toBe(true)
    const ruled = { ...tableOf(policy), rules: [{ header: 'x', equals: 'a', version: 'v2' }] }
    const assigned = assign(ruled, { unit: 'u', seed: 1, header: () => 'a', features: known })
    expect(assigned).toEqual({ version: 'v2', propensity: 1, byRule: true })
  })

  it('leave out a version that gets no traffic any more; one alone is no choice', () => {
    const random = randomFrom(4)
    const table = tableOf(policyOf([crossing(random, 1), crossing(random, -1)], linTs))
    const alone = moveTable(table, { weights: { v1: 1_000_000 }, stable: 'v1', release: 'r' })
    expect(alone.policy).toMatchObject({ features, fit: null })
    expect(moveTable(table, { weights: { v1: 500_000, v2: 500_000 }, stable: 'v1', release: 'r' }).policy).toBe(
      table.policy,
    )
  })
})
