/** The numbers of a check in words: what each side did, the harm with its interval, and the evidence for it. */
import type { WireCheckResult, WireJudgement } from '../wire/judgement.ts'
import { rounded } from './quantities.ts'

/** Of several candidates those of each, whose version stands in every row. */
export function checksOf({ arms, checks }: WireJudgement): readonly WireCheckResult[] {
  return arms === undefined ? checks : Object.values(arms).flatMap(arm => arm.checks)
}

/** A goal is shown by the evidence that harm is below what is tolerated; anything else is broken by that for above. */
export function evidenceWords({ role, alpha, logEvidence, logEvidenceBelow }: WireCheckResult): string {
  const evidence = role === 'goal' ? logEvidenceBelow : logEvidence
  return evidence === null ? '-' : `${rounded(evidence)} of ${rounded(Math.log(1 / alpha))}`
}

/** A quantile counts no events. */
function isRate({ candidate, stable }: WireCheckResult): boolean {
  return candidate.events !== null || stable.events !== null
}

export function sideWords(check: WireCheckResult, side: 'candidate' | 'stable'): string {
  const { version, trials, events, value } = check[side]
  if (value === null) return `${version}: none of ${trials}`
  return isRate(check)
    ? `${version}: ${rounded(value * 100)}%${countedWords(check)} (${events ?? '?'} of ${trials})`
    : `${version}: ${rounded(value)}${check.metric.startsWith('latency-') ? ' ms' : ''} (of ${trials})`
}

/** Errors are in the name of the only check that counts them. */
function countedWords({ counted }: WireCheckResult): string {
  return counted === undefined || counted === 'errors' ? '' : ` ${counted}`
}

export function harmWords(check: WireCheckResult, value: number | null): string {
  if (value === null) return '-'
  return `${value > 0 ? '+' : ''}${inUnit(value, check.marginUnit)}`
}

/** What is tolerated: a harm, or for a number of another system the bound that a reading is held against. */
export function toleratedWords(check: WireCheckResult): string {
  const { bound, margin } = check
  if (bound === undefined) return harmWords(check, margin)
  return `at ${bound.kind === 'max' ? 'most' : 'least'} ${rounded(bound.value)}`
}

export function inUnit(value: number, unit: WireCheckResult['marginUnit']): string {
  return unit === 'own' ? rounded(value) : `${rounded(value * 100)}${unit}`
}
