/** A shadow stage as it will run. */
import { defaultAgreement } from '../../contract/stages/shadow.ts'
import type { StageResource } from '../../contract/stages/stage.ts'
import type { Comparator, ShadowPlan } from '../../core/stage-plans.ts'
import { compileStageGoal } from '../compile-checks.ts'
import { durationMs, percentPpm } from '../quantities.ts'

type ShadowResource = NonNullable<StageResource['shadow']>

export function compileShadow(shadow: ShadowResource, { to }: { to: string }): ShadowPlan {
  const { mode, methods, paths, budget, until, goal, alpha, examples } = shadow
  return {
    kind: 'shadow',
    challengers: [...new Set([...(shadow.challengers ?? []), to])],
    mode,
    fractionPpm: percentPpm(shadow.fraction),
    budget: {
      ratePerSecondMax: budget.rate ?? null,
      concurrencyMax: budget.concurrency,
      queueMax: budget.queue,
      bodyBytesMax: budget.body,
      timeoutMs: durationMs(budget.timeout),
    },
    methods,
    paths: paths ?? null,
    comparator: shadow.compare === undefined ? null : compileComparator(shadow.compare),
    pairs: until.pairs,
    floorMs: durationMs(until.for),
    ceilingMs: durationMs(until['at-most']),
    agreement: compileAgreement(shadow),
    goal: goal === undefined ? null : compileStageGoal(goal, alpha),
    examples,
  }
}

function compileAgreement({ agreement, goal }: ShadowResource): ShadowPlan['agreement'] {
  const asked = agreement ?? (goal === undefined ? defaultAgreement : 'any')
  return asked === 'any' ? null : { least: percentPpm(asked.least) / 1_000_000, alpha: asked.alpha }
}

function compileComparator(compare: NonNullable<ShadowResource['compare']>): Comparator {
  if (typeof compare === 'string') return { kind: compare }
  const { number, vector, cosine, ranking, text } = compare
  if (number !== undefined) return { kind: 'number', ...toleranceOf(number) }
  if (vector !== undefined) return { kind: 'vector', ...toleranceOf(vector) }
  if (cosine !== undefined) return { kind: 'cosine', least: cosine }
  if (ranking !== undefined) return { kind: 'ranking', ...ranking }
  if (text !== undefined) return { kind: 'text', least: text }
  throw new Error('a comparison without a kind passed the contract')
}

function toleranceOf({ absolute, relative }: { absolute: number; relative: string }) {
  return { absolute, relative: percentPpm(relative) / 1_000_000 }
}
