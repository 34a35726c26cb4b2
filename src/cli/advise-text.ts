/** Advice for people: the ranked table, then one plan with its reasons, its numbers and its file. */
import type { WireAdvice, WireAdvicePlan } from '../contract/wire/advice.ts'
import { duration, type Paint, printable, table } from './text.ts'

type Reason = WireAdvicePlan['fit'][number]

export function adviceText(advice: WireAdvice, shown: WireAdvicePlan, paint: Paint): string {
  return [
    `${printable(`${advice.endpoint}: the stable version is ${advice.stable}`)}\n`,
    knownText(advice),
    ranking(advice),
    planText(shown, paint),
    flagsText(advice),
    openText(advice),
  ].join('\n')
}

const yes = (is: boolean): string => (is ? 'yes' : 'no')

function knownText({ situation }: WireAdvice): string {
  const rows = situation.map(({ name, value, from, note }) => [name, valueText(value), from, note])
  return table(['WHAT', 'VALUE', 'FROM', ''], rows)
}

function valueText(value: unknown): string {
  if (value === null) return '-'
  if (typeof value === 'number') return String(Number(value.toPrecision(4)))
  if (typeof value === 'boolean') return yes(value)
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(valueText).join(', ')
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${valueText(inner)}`)
    .join(' ')
}

function ranking({ plans }: WireAdvice): string {
  const head = ['#', 'PLAN', 'SCORE', 'DOWNTIME', 'TESTED ON', 'BACK IN', 'INSTANCES', 'VERDICT IN', 'BAD ONE MET BY']
  const rows = plans.map(plan => [
    String(plan.rank),
    plan.possible ? plan.name : `${plan.name} (not possible)`,
    String(plan.score),
    plan.zeroDowntime ? 'none' : 'yes',
    plan.realTraffic,
    `${plan.rollback.atMost ? 'at most ' : ''}${time(plan.rollback.ms)}`,
    `+${plan.capacity.extraInstances}`,
    plan.totalMs === null ? 'not known' : time(plan.totalMs),
    plan.exposure.users === null ? 'everybody' : `${plan.exposure.users} users`,
  ])
  return table(head, rows)
}

/** Tests take days, which `duration` tells in hours. */
function time(ms: number): string {
  const dayMs = 86_400_000
  return ms >= 2 * dayMs ? `${Number((ms / dayMs).toFixed(1))} days` : duration(ms)
}

export function planText(plan: WireAdvicePlan, paint: Paint): string {
  const title = `${plan.rank}. ${plan.name}${plan.possible ? '' : ' (not possible)'}`
  return [
    title,
    ...plan.fit.map(reason => reasonText(reason, paint('green', '+'))),
    ...plan.misfit.map(reason => reasonText(reason, paint(reason.effect === 'veto' ? 'red' : 'yellow', '-'))),
    ...plan.refusals.map(({ path, message }) => `  ${paint('red', '!')} ${printable(`${path}: ${message}`)}`),
    '',
    ...numbers(plan).map(line => `  ${printable(line)}`),
    '',
    ...plan.file
      .trimEnd()
      .split('\n')
      .map(line => `    ${printable(line)}`),
    '',
  ].join('\n')
}

function reasonText({ effect, says, source }: Reason, sign: string): string {
  const weight = effect === 'veto' ? 'excluded' : String(Math.abs(effect))
  return `  ${sign} ${printable(`${says} [${weight}; ${source.title}]`)}`
}

function numbers(plan: WireAdvicePlan): string[] {
  const { capacity, exposure, rollback, verdicts } = plan
  const hours = capacity.instanceHours
  const spent = hours === null ? 'for a time that is not known' : `${Number(hours.toPrecision(3))} instance-hours`
  return [
    `downtime    ${plan.zeroDowntime ? 'none' : 'from the end of the old version to the start of the new one'}`,
    `tested on   ${tested[plan.realTraffic]}`,
    `targeted    ${plan.targeted ? 'some users alone take part' : 'everybody takes part'}`,
    `back in     ${rollback.atMost ? 'at most ' : ''}${time(rollback.ms)}: ${rollback.says}`,
    `capacity    at most ${capacity.peakInstances} instances, ${capacity.extraInstances} more than today: ${spent}`,
    ...verdicts.map(verdictText),
    `in all      ${plan.totalMs === null ? 'not known' : `about ${time(plan.totalMs)}`}`,
    `a bad one   ${exposure.requests === null ? '' : `answers about ${exposure.requests} requests of at most ${exposure.users} users, `}${exposure.says}`,
  ]
}

const tested: Readonly<Record<WireAdvicePlan['realTraffic'], string>> = {
  none: 'nothing, before everybody meets it',
  recorded: 'recorded requests, before anybody meets it',
  copies: 'copies of live requests, before anybody meets it',
  live: 'live requests, in shares',
}

function verdictText({ stage, asks, of, sample, expectedMs, says }: WireAdvicePlan['verdicts'][number]): string {
  const takes = expectedMs === null ? 'time not known' : `about ${time(expectedMs)}`
  const head = `verdict     ${stage}: ${asks}; ${takes}`
  if (sample === null) return `${head}; ${says}`
  const { alpha, power, needed, fixed, inflation } = sample
  const price = `${Number(inflation.toFixed(1))} times the ${fixed} of a single look`
  return `${head}; ${needed} ${of} at alpha ${alpha} and power ${power}, ${price}; ${says}`
}

function flagsText({ flags }: WireAdvice): string {
  const words = flags.reasons.map(({ says }) => says).join('; ')
  return `${printable(`flags: ${flags.wanted ? 'combine it with one' : 'not needed'}${words === '' ? '' : `: ${words}`}`)}\n`
}

/** Where the flag has another name than the field of a request. */
const flagOf: Readonly<Record<string, string>> = { onlyGoal: 'only-goal', groups: 'group' }

function openText({ open }: WireAdvice): string {
  const flags = open.map(name => `--${flagOf[name] ?? name}`).join(', ')
  return open.length === 0 ? '' : `${printable(`assumed, since nobody said: ${flags}`)}\n`
}
