/** What a challenger and the champion did with the same requests, for people. */
import type { WireJudgement, WirePairNumbers } from '../contract/wire/judgement.ts'
import { printable } from './text.ts'

export function pairsText({ arms = {} }: WireJudgement, indent: string): string {
  return Object.entries(arms)
    .flatMap(([version, { verdict, reason, pairs }]) =>
      pairs === undefined ? [] : [`${version} ${verdict}: ${reason}`, ...linesOf(version, pairs)],
    )
    .map(line => `${indent}${printable(line)}\n`)
    .join('')
}

function linesOf(version: string, { pairs, failures, agreement, labelled, examples, lost }: WirePairNumbers): string[] {
  const { challenger, champion, both } = failures
  const { bothRight, challengerOnly, championOnly, bothWrong } = labelled
  const labels = bothRight + challengerOnly + championOnly + bothWrong
  return [
    `  ${pairs} pairs; ${agreement.reason}`,
    `  failures: ${challenger} of ${version} alone, ${champion} of the champion alone, ${both} of both`,
    ...(labels === 0
      ? []
      : [
          `  ${labels} labelled: both right ${bothRight}, ${version} alone ${challengerOnly}, the champion alone ${championOnly}, both wrong ${bothWrong}`,
        ]),
    ...(lost === 0 ? [] : [`  ${lost} whose other half was not at hand any more`]),
    ...examples.map(({ prediction, distance, note }) => `  differs by ${distance.toFixed(2)}: ${prediction}: ${note}`),
  ]
}
