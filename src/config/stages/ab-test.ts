/** An A/B test as it will run. What was known of its metric before is added at admission. */
import { defaultChance } from '../../contract/stages/ab-test.ts'
import type { StageResource } from '../../contract/stages/stage.ts'
import type { AbTestPlan } from '../../core/stage-plans.ts'
import { compileStageGoal } from '../compile-checks.ts'
import { durationMs, marginFraction, percentPpm } from '../quantities.ts'

type AbTestResource = NonNullable<StageResource['abTest']>

/** Effects far smaller than the one that matters are not worth waiting for: losing a tenth of it is bearable. */
const lossShare = 0.1

export function compileAbTest(test: AbTestResource, { to }: { to: string }): AbTestPlan {
  const variants = test.variants ?? [to]
  const { mode, correction, power, approval, alpha } = test
  return {
    kind: 'abTest',
    variants,
    splitPpm: compileSplit(test.split, variants),
    goal: compileStageGoal(test.goal, alpha),
    mode,
    correction,
    power,
    threshold: mode === 'bayesian' ? compileThreshold(test) : null,
    floorMs: durationMs(test.for),
    ceilingMs: durationMs(test['at-most']),
    approval,
  }
}

function compileSplit(split: AbTestResource['split'], variants: readonly string[]): Record<string, number> {
  if (typeof split !== 'string')
    return Object.fromEntries(Object.entries(split).map(([version, share]) => [version, percentPpm(share)]))
  const each = Math.floor(percentPpm(split) / variants.length)
  return Object.fromEntries(variants.map(version => [version, each]))
}

function compileThreshold({ threshold, goal }: AbTestResource): NonNullable<AbTestPlan['threshold']> {
  const effect = marginFraction(goal['minimum-effect'] ?? '0')
  const { chance = defaultChance, loss, prior } = threshold ?? {}
  return {
    chance: percentPpm(chance) / 1_000_000,
    loss: loss === undefined ? effect * lossShare : marginFraction(loss),
    prior: prior === undefined ? effect : marginFraction(prior),
  }
}
