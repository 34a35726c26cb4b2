/** What went wrong inside SQLite, as an error for a person. */
import { CutoverError } from '../../core/errors.ts'

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const resultCodes = { busy: 5, readonly: 8, ioerr: 10, corrupt: 11, full: 13, notADatabase: 26 } as const

const hints: Readonly<Record<number, string>> = {
  [resultCodes.busy]: 'another program holds the file; close it',
  [resultCodes.readonly]: 'the file or its folder is not writable',
  [resultCodes.ioerr]: 'the disk reports an error',
  [resultCodes.corrupt]: 'the file is damaged; restore it from a backup',
  [resultCodes.full]: 'the disk is full; free some space',
  [resultCodes.notADatabase]: 'the file is not a database, or it is damaged; restore it from a backup',
}

/** A `store-failed` that says what was being done to which file, and what helps. Errors made for people pass as they are. */
export function storeFailure(action: string, file: string, cause: unknown): CutoverError {
  if (cause instanceof CutoverError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const hint = hints[resultCode(cause) ?? -1]
  const advice = hint === undefined ? '' : ` (${hint})`
  return new CutoverError('store-failed', `could not ${action} ${file}: ${message}${advice}`, [], cause)
}

export function isBusy(cause: unknown): boolean {
  return resultCode(cause) === resultCodes.busy
}

/** The primary code: extended codes carry it in their lowest byte. */
function resultCode(cause: unknown): number | null {
  if (!(cause instanceof Error) || !('errcode' in cause) || typeof cause.errcode !== 'number') return null
  return cause.errcode & 0xff
}
