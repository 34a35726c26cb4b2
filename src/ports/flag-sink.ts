/** Where flags take effect: whole, in the order in which they are given. */
import type { FlagsState } from '../core/flags/flags-state.ts'

export interface FlagSink {
  applyFlags(flags: FlagsState): void
}
