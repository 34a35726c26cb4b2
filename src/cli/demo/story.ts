/** The demo's story on a terminal: one line a decision, under it the numbers that it rests on. */

import type { WireCheckResult } from '../../contract/wire/judgement.ts'
import type { WireTimelineEntry } from '../../contract/wire/release.ts'

export function tellEntry(entry: WireTimelineEntry, startedAtMs: number): string {
  const seconds = ((Date.parse(entry.at) - startedAtMs) / 1_000).toFixed(1).padStart(6)
  const share = `${entry.candidatePpm / 10_000} %`.padStart(6)
  const headline = `${seconds} s ${share}  ${sentence(entry)}`
  return [
    headline,
    ...(entry.judgement?.checks ?? []).map(check => `${' '.repeat(18)}${tellCheck(check)}`),
    ...tellExposure(entry),
  ].join('\n')
}

/** The reasons stand below as numbers, so the sentence stops before them. */
function sentence(entry: WireTimelineEntry): string {
  if (entry.judgement === null) return entry.text
  if (entry.kind === 'rolling-back') {
    const failed = entry.judgement.checks.filter(check => check.verdict === 'fail').map(check => check.metric)
    return `${entry.text.split(':')[0]}: ${failed.length === 0 ? entry.judgement.reason : `guardrail ${failed.join(' and ')} is crossed`}`
  }
  return entry.text.split(':')[0] ?? entry.text
}

export function tellCheck(check: WireCheckResult): string {
  const write = check.stable.events === null ? writeLatency : writeRate
  const { value, harm, limit } = write(check)
  const word = check.verdict === 'fail' ? 'CROSSED' : check.verdict
  const name = check.stable.events === null || check.metric === 'error-rate' ? check.metric : `${check.metric}: wrong`
  return `${name.padEnd(16)} ${value.padEnd(40)} harm ${harm.padEnd(34)} margin ${limit.padEnd(8)} ${word}`
}

type Written = { value: string; harm: string; limit: string }

function writeRate({ candidate, stable, harm, margin }: WireCheckResult): Written {
  const side = (one: typeof candidate): string => `${((one.value ?? 0) * 100).toFixed(1)} % of ${one.trials}`
  const points = (value: number | null): string =>
    value === null ? '?' : `${value < 0 ? '' : '+'}${(value * 100).toFixed(1)}`
  return {
    value: `${side(candidate)} against ${side(stable)}`,
    harm: `${points(harm.estimate)} pp in [${points(harm.lower)}, ${points(harm.upper)}]`,
    limit: `${(margin * 100).toFixed(1)} pp`,
  }
}

function writeLatency({ candidate, stable, harm, margin }: WireCheckResult): Written {
  const side = (one: typeof candidate): string =>
    `${one.value === null ? '?' : one.value.toFixed(1)} ms of ${one.trials}`
  const percent = (value: number | null): string =>
    value === null ? '?' : `${value < 0 ? '' : '+'}${(value * 100).toFixed(0)}`
  return {
    value: `${side(candidate)} against ${side(stable)}`,
    harm: `${percent(harm.estimate)} % in [${percent(harm.lower)}, ${percent(harm.upper)}]`,
    limit: `${(margin * 100).toFixed(0)} %`,
  }
}

function tellExposure(entry: WireTimelineEntry): string[] {
  const { exposure } = entry
  if (exposure === null || entry.kind !== 'rolling-back') return []
  return [
    `${' '.repeat(18)}${exposure.units} users met it in ${exposure.requests} requests, for ${(exposure.durationMs / 1_000).toFixed(1)} s`,
  ]
}
