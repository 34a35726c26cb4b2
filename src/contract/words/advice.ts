/** An advice in words: what is known, what a plan costs and what its verdicts rest on. */
import type { WireAdvice, WireAdvicePlan } from '../wire/advice.ts'
import { longDuration, rounded } from './quantities.ts'

export function valueWords(value: unknown): string {
  if (value === null) return '-'
  if (typeof value === 'number') return rounded(value)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(valueWords).join(', ')
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${valueWords(inner)}`)
    .join(' ')
}

export const rankingHead = [
  '#',
  'Plan',
  'Score',
  'Downtime',
  'Tested on',
  'Back in',
  'Instances',
  'Verdict in',
  'Bad one met by',
] as const

/** A cell for each of `rankingHead`. */
export function rankingRow(plan: WireAdvicePlan): string[] {
  return [
    String(plan.rank),
    plan.possible ? plan.name : `${plan.name} (not possible)`,
    String(plan.score),
    plan.zeroDowntime ? 'none' : 'yes',
    plan.realTraffic,
    backIn(plan),
    `+${plan.capacity.extraInstances}`,
    plan.totalMs === null ? 'not known' : longDuration(plan.totalMs),
    plan.exposure.users === null ? 'everybody' : `${plan.exposure.users} users`,
  ]
}

function backIn({ rollback }: WireAdvicePlan): string {
  return `${rollback.atMost ? 'at most ' : ''}${longDuration(rollback.ms)}`
}

/** Name and text of everything that a plan costs and promises, but for its verdicts. */
export function planFacts(plan: WireAdvicePlan): [string, string][] {
  const { capacity, exposure, rollback } = plan
  const hours = capacity.instanceHours
  const spent = hours === null ? 'for a time that is not known' : `${Number(hours.toPrecision(3))} instance-hours`
  return [
    ['downtime', plan.zeroDowntime ? 'none' : 'from the end of the old version to the start of the new one'],
    ['tested on', tested[plan.realTraffic]],
    ['targeted', plan.targeted ? 'some users alone take part' : 'everybody takes part'],
    ['back in', `${backIn(plan)}: ${rollback.says}`],
    ['capacity', `at most ${capacity.peakInstances} instances, ${capacity.extraInstances} more than today: ${spent}`],
    ['in all', plan.totalMs === null ? 'not known' : `about ${longDuration(plan.totalMs)}`],
    [
      'a bad one',
      `${exposure.requests === null ? '' : `answers about ${exposure.requests} requests of at most ${exposure.users} users, `}${exposure.says}`,
    ],
  ]
}

const tested: Readonly<Record<WireAdvicePlan['realTraffic'], string>> = {
  none: 'nothing, before everybody meets it',
  recorded: 'recorded requests, before anybody meets it',
  copies: 'copies of live requests, before anybody meets it',
  live: 'live requests, in shares',
}

/** What a verdict asks, how long it takes, and the power calculation behind its sample. */
export function verdictWords({
  stage,
  asks,
  of,
  sample,
  expectedMs,
  says,
}: WireAdvicePlan['verdicts'][number]): string {
  const takes = expectedMs === null ? 'time not known' : `about ${longDuration(expectedMs)}`
  const head = `${stage}: ${asks}; ${takes}`
  if (sample === null) return `${head}; ${says}`
  const { alpha, power, needed, fixed, inflation } = sample
  const price = `${Number(inflation.toFixed(1))} times the ${fixed} of a single look`
  return `${head}; ${needed} ${of} at alpha ${alpha} and power ${power}, ${price}; ${says}`
}

export function flagsWords({ flags }: WireAdvice): string {
  const words = flags.reasons.map(({ says }) => says).join('; ')
  return `${flags.wanted ? 'combine it with one' : 'not needed'}${words === '' ? '' : `: ${words}`}`
}
