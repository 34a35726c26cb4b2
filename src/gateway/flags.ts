/** The flags that this gateway evaluates by: compiled once per change, swapped whole. */
import { type CompiledFlags, compileFlags } from '../core/flags/compile-flags.ts'
import { type FlagsState, noFlags } from '../core/flags/flags-state.ts'

export type FlagBook = {
  apply(flags: FlagsState): void
  compiled(): CompiledFlags
}

export function createFlagBook(): FlagBook {
  let compiled = compileFlags(noFlags)
  return {
    apply: flags => {
      compiled = compileFlags(flags)
    },
    compiled: () => compiled,
  }
}
