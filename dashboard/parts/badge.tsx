/** A word with the colour of its kind; the word alone says it all. */
import type { WireJudgement } from '../../src/contract/wire/judgement.ts'
import type { WireReleaseSummary } from '../../src/contract/wire/release.ts'

export type Tone = 'good' | 'warn' | 'bad' | 'live' | 'plain'

export function Badge({ tone, children }: { tone: Tone; children: string }) {
  return <span className={`badge ${tone}`}>{children}</span>
}

const stateTones: Readonly<Record<WireReleaseSummary['state'], Tone>> = {
  queued: 'plain',
  active: 'live',
  holding: 'warn',
  paused: 'warn',
  promoted: 'good',
  'rolled-back': 'bad',
}

export function StateBadge({ state }: Pick<WireReleaseSummary, 'state'>) {
  return <Badge tone={stateTones[state]}>{state}</Badge>
}

const verdictTones: Readonly<Record<WireJudgement['verdict'], Tone>> = {
  pass: 'good',
  fail: 'bad',
  insufficient: 'plain',
  invalid: 'warn',
}

export function VerdictBadge({ verdict }: Pick<WireJudgement, 'verdict'>) {
  return <Badge tone={verdictTones[verdict]}>{verdict}</Badge>
}
