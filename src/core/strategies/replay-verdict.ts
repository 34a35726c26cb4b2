/** What a replay of recorded requests shows about the share of answers that are alike. */
import { bernoulliSequence } from '../../stats/sequential/bernoulli-sequence.ts'
import type { ReplayPlan } from '../stage-plans.ts'
import type { TrialReport } from '../trial.ts'

export type ReplayVerdict = { verdict: 'pass' | 'fail' | 'insufficient'; reason: string }

type Counts = Pick<TrialReport, 'compared' | 'agreed'>

/**
 * Pass if more disagreement than is tolerated is ruled out, fail if it is shown, by an exact one-sided sequence in either
 * direction. A replay that showed nothing is tried again; the tries share alpha, 1 / (k (k + 1)) of it for the k-th,
 * which sums to alpha however many there are.
 */
export function replayVerdict(
  { compared, agreed }: Counts,
  { agreement, alpha }: Pick<ReplayPlan, 'agreement' | 'alpha'>,
  attempt: number,
): ReplayVerdict {
  const tried = alpha / (attempt * (attempt + 1))
  const result = bernoulliSequence({ events: compared - agreed, trials: compared, rate: 1 - agreement, alpha: tried })
  if (!result.ok) return { verdict: 'insufficient', reason: `nothing was compared: ${result.reason}` }
  const bounds = `${percent(1 - result.upper)} to ${percent(1 - result.lower)} at alpha ${Number(tried.toPrecision(3))}`
  const words = `${agreed} of ${compared} answers alike (${percent(agreed / compared)}; ${bounds}) where ${percent(agreement)} is asked for`
  if (result.below) return { verdict: 'pass', reason: `${words}: shown` }
  if (result.above) return { verdict: 'fail', reason: `${words}: refuted` }
  return { verdict: 'insufficient', reason: `${words}: neither shown nor refuted` }
}

/** How many requests can show the agreement on the first try if every answer is alike. */
export function fewestForAgreement({ agreement, alpha }: Pick<ReplayPlan, 'agreement' | 'alpha'>): number {
  const shows = (compared: number) =>
    replayVerdict({ compared, agreed: compared }, { agreement, alpha }, 1).verdict === 'pass'
  let most = 1
  while (!shows(most) && most < Number.MAX_SAFE_INTEGER / 2) most *= 2
  let fewest = Math.ceil(most / 2)
  while (fewest < most) {
    const middle = Math.floor((fewest + most) / 2)
    if (shows(middle)) most = middle
    else fewest = middle + 1
  }
  return fewest
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`
}
