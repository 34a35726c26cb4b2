import { binomialDivergence } from '../numerics/special.ts'
import { invalid, type Result } from '../result.ts'
import { checkShare, noArms } from './arms.ts'

/**
 * The regret that no consistent policy can undercut in the long run, for arms of known rates: expected events lost, by
 * choosing other arms than the best, in `rounds` rounds.
 *
 * @use To judge a policy in a simulation, or to know beforehand what learning costs at least.
 * @assumes Yes-or-no outcomes, constant rates, and a policy that is good at any rates. The bound is asymptotic: in
 * few rounds a policy may lose less than it says.
 * @formula sum over arms worse than the best of (m* - m_i)/kl(m_i, m*) ln T.
 * @source Lai & Robbins, "Asymptotically efficient adaptive allocation rules", Advances in Applied Mathematics 6
 * (1985), 4-22.
 * @degenerate Arms as good as the best add nothing; nor does any if the best rate is 1, which one failure refutes.
 */
export function laiRobbins({
  rates,
  rounds,
}: {
  rates: readonly number[]
  rounds: number
}): Result<{ coefficient: number; regret: number }> {
  if (rates.length === 0) return noArms()
  if (!(rounds >= 1 && rounds <= Number.MAX_SAFE_INTEGER))
    return invalid(`the number of rounds is ${rounds}; it must be at least 1`)
  for (const [arm, rate] of rates.entries()) {
    const bad = checkShare(`the rate of arm ${arm}`, rate)
    if (bad !== undefined) return bad
  }
  const best = Math.max(...rates)
  const sum = rates.reduce((before, rate) => before + roundsPerLog(rate, best) * (best - rate), 0)
  const coefficient = Math.min(sum, Number.MAX_VALUE)
  const regret = Math.min(coefficient * Math.log(rounds), Number.MAX_VALUE)
  return { ok: true, coefficient, regret }
}

function roundsPerLog(rate: number, best: number): number {
  return rate === best ? 0 : 1 / binomialDivergence(rate, 1 - rate, best)
}
