/** Errors as they cross from thread to thread: for the people who read them, code and sentence are all. */
import { CutoverError } from '../core/errors.ts'
import type { PlainError } from './messages.ts'

export function plainError(error: unknown): PlainError {
  if (error instanceof CutoverError) return { code: error.code, message: error.message }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
}

export function thrownError({ code, message }: PlainError): CutoverError {
  return new CutoverError(code, message)
}
