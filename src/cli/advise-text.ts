/** Advice for people: the ranked table, then one plan with its reasons, its numbers and its file. */
import { questions } from '../contract/advice-questions.ts'
import type { WireAdvice, WireAdvicePlan } from '../contract/wire/advice.ts'
import { flagsWords, planFacts, rankingHead, rankingRow, valueWords, verdictWords } from '../contract/words/advice.ts'
import { type Paint, printable, table } from './text.ts'

type Reason = WireAdvicePlan['fit'][number]

export function adviceText(advice: WireAdvice, shown: WireAdvicePlan, paint: Paint): string {
  return [
    `${printable(`${advice.endpoint}: the stable version is ${advice.stable}`)}\n`,
    knownText(advice),
    ranking(advice),
    planText(shown, paint),
    `${printable(`flags: ${flagsWords(advice)}`)}\n`,
    openText(advice),
  ].join('\n')
}

function knownText({ situation }: WireAdvice): string {
  const rows = situation.map(({ name, value, from, note }) => [name, valueWords(value), from, note])
  return table(['WHAT', 'VALUE', 'FROM', ''], rows)
}

function ranking({ plans }: WireAdvice): string {
  return table(
    rankingHead.map(word => word.toUpperCase()),
    plans.map(rankingRow),
  )
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
  const facts = planFacts(plan)
  const verdicts = plan.verdicts.map((verdict): [string, string] => ['verdict', verdictWords(verdict)])
  // Before the time that they take in all.
  const at = facts.findIndex(([name]) => name === 'in all')
  return facts.toSpliced(at, 0, ...verdicts).map(([name, text]) => `${name.padEnd(11)} ${text}`)
}

/** By its first part, where the flag has another name than the field of a request. */
function flagOf(field: string): string {
  const found = Object.entries(questions).find(([, question]) => question.field.split('.')[0] === field)
  return `--${found?.[0] ?? field}`
}

function openText({ open }: WireAdvice): string {
  return open.length === 0 ? '' : `${printable(`assumed, since nobody said: ${open.map(flagOf).join(', ')}`)}\n`
}
