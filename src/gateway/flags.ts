/** The flags that this gateway evaluates by: compiled when they are first asked for after a change, swapped whole. */
import { type CompiledFlags, compiledOf } from '../core/flags/compile-flags.ts'
import { type FlagsState, noFlags } from '../core/flags/flags-state.ts'

export type FlagBook = {
  apply(flags: FlagsState): void
  compiled(): CompiledFlags
}

export function createFlagBook(): FlagBook {
  let flags = noFlags
  let compiled: CompiledFlags | null = null
  return {
    // A file of thousands of flags is as many changes, of which only the last one is evaluated.
    apply: next => {
      flags = next
      compiled = null
    },
    compiled: () => {
      compiled ??= compiledOf(flags)
      return compiled
    },
  }
}
