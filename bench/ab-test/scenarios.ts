/** Versions that are all alike, and one that is better by the effect that was planned for. */
import type { AbTestPlan } from '../../src/core/stage-plans.ts'
import { drawNormal, type Random } from '../../src/stats/numerics/random.ts'
import { type AbScenario, planned, testPlan } from './simulation.ts'

type Values = { value: AbScenario['value']; mean: number; variance: number; effect: number }

const coin = (rate: number) => (_: string, random: Random) => (random.next() < rate ? 1 : 0)
const conversions: Values = { value: coin(0.1), mean: 0.1, variance: 0.09, effect: 0.03 }
const revenue: Values = { value: (_, random) => -Math.log(1 - random.next()), mean: 1, variance: 1, effect: 0.1 }

function alike(name: string, values: Values, over: Partial<AbTestPlan>, unitsMax: number): AbScenario {
  const plan = testPlan({ effect: values.effect, ...over })
  return { name, plan: planned(plan, values), value: values.value, unitsMax }
}

function watched(name: string, values: Values, over: Partial<AbTestPlan>, unitsMax: number): AbScenario {
  return { name, plan: testPlan({ effect: values.effect, ...over }), value: values.value, unitsMax }
}

const three = { variants: ['v2', 'v3', 'v4'] }
const bayesian = { mode: 'bayesian', threshold: { loss: 0.003, chance: 0.95, prior: 0.03 } } as const
const beyond = 1_000_000

/** None of these should ship more often than alpha says. */
export function aaScenarios(unitsWatched: number): readonly AbScenario[] {
  return [
    watched('sequential, conversions of 10 %, no planned end', conversions, {}, unitsWatched),
    watched('sequential, skewed revenue, no planned end', revenue, {}, unitsWatched),
    alike('sequential, conversions, planned sample', conversions, {}, beyond),
    alike('fixed, conversions', conversions, { mode: 'fixed' }, beyond),
    alike('fixed, skewed revenue', revenue, { mode: 'fixed' }, beyond),
    watched('sequential, 3 variants, Bonferroni', conversions, three, unitsWatched),
    watched('sequential, 3 variants, Holm', conversions, { ...three, correction: 'holm' }, unitsWatched),
    alike('fixed, 3 variants, Bonferroni', revenue, { ...three, mode: 'fixed' }, beyond),
    alike('fixed, 3 variants, Holm', revenue, { ...three, mode: 'fixed', correction: 'holm' }, beyond),
  ]
}

/** By belief nothing bounds how often one of equal versions ships. */
export function bayesianScenario(unitsWatched: number): AbScenario {
  return watched('Bayesian at every unit, conversions, no planned end', conversions, bayesian, unitsWatched)
}

function lifted(name: string, over: Partial<AbTestPlan>, effect: number): AbScenario {
  const plan = planned(testPlan({ effect, ...over }), { mean: 0, variance: 1 })
  const value = (version: string, random: Random) => drawNormal(random) + (version === 'v2' ? effect : 0)
  return { name, plan, value, unitsMax: beyond }
}

/** Each should ship with the planned power at least. */
export const powerScenarios: readonly AbScenario[] = [
  lifted('sequential, effect 0.2 sd', {}, 0.2),
  lifted('fixed, effect 0.2 sd', { mode: 'fixed' }, 0.2),
  lifted('sequential, effect 0.1 sd', {}, 0.1),
  lifted('sequential, 3 variants of which one is better', three, 0.2),
  lifted('fixed, 3 variants of which one is better', { ...three, mode: 'fixed' }, 0.2),
]
