/** What several parts of a draft have to agree on. */
import type { Situation } from './situation.ts'

/** Harm of half the size that is feared is not tolerated: the other half is what the evidence has to show. */
export function marginOf({ harm }: Situation, metric: 'error-rate' | 'accuracy'): number {
  const usual = 0.01
  return harm.value.metric === metric ? Math.min(usual, harm.value.by / 2) : usual
}

/** A challenger's fleet that is too dear to run beside the champion is replaced by one instance that answers recorded requests. */
export function replays({ expensive, spec }: Situation): boolean {
  return expensive.value && spec.payloadSamplePpm > 0
}
