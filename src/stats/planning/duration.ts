import { type Failure, insufficient, invalid, type Result } from '../result.ts'
import { type ArmSizes, checkSizes } from './test-design.ts'

/** How long a test takes. */
export type Duration = {
  /** Whole days from the first unit to the last outcome, in whole weeks if asked for. */
  readonly days: number
  /** Days until both versions have their units, not rounded. */
  readonly enrolmentDays: number
  /** The version that takes longer. */
  readonly limitedBy: 'stable' | 'candidate'
}

/** A plan beyond ten years is none. */
const DAYS_MAX = 3653

/**
 * Plans for how many days a test must run, from the units that each version needs and the traffic that it gets.
 *
 * @use After a sample size was planned. Whole weeks, the default, see every day of the week equally often; traffic of one
 * kind of day judges that kind only.
 * @assumes Traffic stays as it is, and the units of each day are new ones: with returning users fewer are new every day,
 * so pass new units a day as they are at the end of such a period, or the plan is too short.
 * @formula days = max over versions of units / (units per day x share) + the delay of outcomes, rounded up.
 * @source Kohavi, Tang & Xu, "Trustworthy online controlled experiments", 2020, chapter 2.
 * @degenerate A version without traffic, and a plan beyond ten years, are insufficient.
 */
export function testDuration({
  sizes,
  unitsPerDay,
  shares,
  outcomeDelayDays = 0,
  wholeWeeks = true,
}: {
  sizes: ArmSizes
  unitsPerDay: number
  shares: ArmSizes
  outcomeDelayDays?: number
  wholeWeeks?: boolean
}): Result<Duration> {
  const bad = checkSizes(sizes, 0) ?? checkTraffic(unitsPerDay, shares, outcomeDelayDays)
  if (bad !== undefined) return bad
  const daysOf = (arm: keyof ArmSizes) => (sizes[arm] === 0 ? 0 : sizes[arm] / (unitsPerDay * shares[arm]))
  const [stable, candidate] = [daysOf('stable'), daysOf('candidate')]
  const enrolmentDays = Math.max(stable, candidate)
  const exact = enrolmentDays + outcomeDelayDays
  // No traffic at all may be a zero of either sign.
  if (!(exact >= 0 && exact <= DAYS_MAX))
    return insufficient(
      `${unitsPerDay} units a day need more than ${DAYS_MAX} days for ${sizes.stable + sizes.candidate}`,
    )
  const unit = wholeWeeks ? 7 : 1
  const days = unit * Math.ceil((exact / unit) * (1 - 1e-12))
  return { ok: true, days, enrolmentDays, limitedBy: candidate > stable ? 'candidate' : 'stable' }
}

function checkTraffic(unitsPerDay: number, shares: ArmSizes, outcomeDelayDays: number): Failure | undefined {
  if (!(unitsPerDay >= 0 && Number.isFinite(unitsPerDay)))
    return invalid(`the traffic is ${unitsPerDay} units a day; it must be a number of at least 0`)
  if (!(shares.stable >= 0 && shares.candidate >= 0 && shares.stable + shares.candidate <= 1 + 1e-9))
    return invalid(
      `the shares are ${shares.stable} and ${shares.candidate}; they must be at least 0, together at most 1`,
    )
  if (outcomeDelayDays >= 0 && Number.isFinite(outcomeDelayDays)) return undefined
  return invalid(`the delay of outcomes is ${outcomeDelayDays} days; it must be at least 0`)
}
