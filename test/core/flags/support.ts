/** Flags as tests need them. */
import { compileFlags } from '../../../src/core/flags/compile-flags.ts'
import { evaluate } from '../../../src/core/flags/evaluate.ts'
import type { Context, Evaluation } from '../../../src/core/flags/evaluation.ts'
import type { FlagSpec, SegmentSpec } from '../../../src/core/flags/flag.ts'
import { type FlagsState, flagApplied, noFlags } from '../../../src/core/flags/flags-state.ts'
import { segmentApplied } from '../../../src/core/flags/segment-history.ts'

export const word = { actor: 'ann', note: null, atMs: 0 }

/** Boolean, on for nobody. */
export function flag(overrides: Partial<FlagSpec> = {}): FlagSpec {
  return {
    name: 'ranker',
    type: 'boolean',
    variants: { on: true, off: false },
    enabled: true,
    off: 'off',
    default: { kind: 'variant', variant: 'off' },
    ...overrides,
  }
}

export function flagsOf(flags: readonly FlagSpec[], segments: readonly SegmentSpec[] = []): FlagsState {
  const withSegments = segments.reduce((state, spec) => segmentApplied(state, spec, word), noFlags)
  return flags.reduce((state, spec) => flagApplied(state, spec, word), withSegments)
}

export function ask(state: FlagsState, key: string, context: Context = {}, nowMs = 0): Evaluation {
  return evaluate(compileFlags(state), key, context, nowMs)
}

export function rollout(onPpm: number): FlagSpec['default'] {
  return { kind: 'rollout', weights: { on: onPpm, off: 1_000_000 - onPpm } }
}

/** The variants of many users. */
export function variants(state: FlagsState, count: number, nowMs = 0): (string | null)[] {
  const compiled = compileFlags(state)
  return Array.from(
    { length: count },
    (_, index) => evaluate(compiled, 'ranker', { targetingKey: `user-${index}` }, nowMs).variant,
  )
}
