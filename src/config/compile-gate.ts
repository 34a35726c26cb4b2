/** A flag that something waits for, or goes by. */
import type { FlagGate } from '../core/flags/flag-gates.ts'

export function compileGate(gate: { name: string; is?: string | string[] | undefined }): FlagGate {
  const { name: flag, is } = gate
  return { flag, ...(is !== undefined && { is: typeof is === 'string' ? [is] : is }) }
}
