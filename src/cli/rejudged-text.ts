/** A release that is over under another plan, as text. */
import type { WireRejudged } from '../contract/wire/rejudge.ts'
import { offset, percent } from '../contract/words/quantities.ts'
import { printable, table } from './text.ts'

type Course = WireRejudged['other']
type Period = Course['periods'][number]

export function rejudgedText({ release, recorded, predictions, own, other, unknown }: WireRejudged): string {
  const startedAt = own.periods[0]?.since ?? recorded.at
  const at = (iso: string | null) => (iso === null ? '-' : offset(startedAt, iso))
  const ended = recorded.reason === '' ? '' : `: ${printable(recorded.reason)}`
  const lines = [
    `Release ${printable(release)} under another plan, by ${predictions} recorded predictions`,
    `  recorded    ${recorded.end} after ${at(recorded.at)}${ended}`,
    `  own plan    ${decisionText(own, at)}`,
    `  other plan  ${decisionText(other, at)}`,
    ...unknown.map(one => `  not known   ${printable(one)}`),
    ...afterwards(other, at).map(one => `  not known   ${one}`),
  ]
  const checks = table(
    ['CHECK', 'ROLE', 'MARGIN', 'ALPHA', 'FIRST PASS', 'FIRST FAIL', 'AT THE END'],
    other.checks.map(({ metric, role, margin, alpha, firstPass, firstFail, verdict, reason }) => [
      ...[metric, role, String(margin), String(alpha), at(firstPass), at(firstFail), `${verdict}: ${reason}`],
    ]),
  )
  const periods = table(
    ['WEIGHT', 'FROM', 'TO', 'PASSES', 'FAILS', 'STEP COULD END'],
    other.periods.map(period => periodRow(period, at)),
  )
  return `${lines.join('\n')}\n\n${checks}\n${periods}`
}

function periodRow(period: Period, at: (iso: string | null) => string): string[] {
  const { candidatePpm, since, until, firstPass, firstFail, couldEnd } = period
  return [
    percent(candidatePpm),
    at(since),
    until === null ? 'the end' : at(until),
    ...[firstPass, firstFail, couldEnd].map(at),
  ]
}

const kindWords: Readonly<Record<Course['decision']['kind'], string>> = {
  'rolls-back': 'rolls back',
  holds: 'holds',
  'moves-earlier': 'goes on earlier',
  'waits-longer': 'waits longer',
  'goes-on': 'goes on',
  'as-recorded': 'decides the same',
}

function decisionText({ decision }: Course, at: (iso: string | null) => string): string {
  const when = decision.at === null ? '' : ` after ${at(decision.at)}`
  return `${kindWords[decision.kind]}${when}: ${printable(decision.reason)}`
}

/** Evidence after the moment at which the plan leaves the recorded course is of weights that it would not have had. */
function afterwards({ decision }: Course, at: (iso: string | null) => string): string[] {
  if (decision.kind === 'as-recorded' || decision.at === null) return []
  return [`what comes after ${at(decision.at)}: from there on the recorded weights are not those of this plan`]
}
