/** How much worse a candidate is, whichever way its metric goes: positive is harm, and a margin is what of it is allowed. */
import type { Scale } from '../metric-check.ts'
import { isHigherBetter, type MetricSpec } from '../metrics/spec.ts'
import type { CheckResult } from './judgement.ts'
import type { Compared } from './methods.ts'
import { percent, plain } from './words.ts'

type Harm = { estimate: number; lower: number; upper: number }

export const noHarm = { estimate: null, lower: null, upper: null }

/** The margin of the difference candidate - stable, or of their ratio less 1, from the margin of the harm. */
export function differenceMargin(spec: MetricSpec, margin: number): number {
  return isHigherBetter(spec) ? -margin : margin
}

/** What a comparison of means says of the harm: `crossed`, it is above the margin; `shown`, it is below. */
export function harmOf(
  spec: MetricSpec,
  result: Compared,
): { harm: Harm; crossed: boolean; shown: boolean } & Pick<CheckResult, 'logEvidence' | 'logEvidenceBelow'> {
  const { estimate, lower, upper, above, below, logEvidenceAbove, logEvidenceBelow } = result
  return isHigherBetter(spec)
    ? {
        harm: { estimate: 0 - estimate, lower: 0 - upper, upper: 0 - lower },
        crossed: below,
        shown: above,
        logEvidence: logEvidenceBelow,
        logEvidenceBelow: logEvidenceAbove,
      }
    : {
        harm: { estimate, lower, upper },
        crossed: above,
        shown: below,
        logEvidence: logEvidenceAbove,
        logEvidenceBelow,
      }
}

export function harmWords({ estimate, lower, upper }: Harm, margin: number, scale: Scale): string {
  const text = scale === 'relative' ? percent : plain
  return `harm ${text(estimate)} in [${text(lower)}, ${text(upper)}], margin ${text(margin)}`
}
