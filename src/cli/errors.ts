/** Errors as the command line shows them: what went wrong, then each fault with its place, value and what is allowed. */
import type { FieldProblem } from '../contract/problems.ts'
import { printable } from './text.ts'

export const exitCodes = { done: 0, failed: 1, usage: 2, rolledBack: 3, holds: 4 } as const

export class CliError extends Error {
  readonly exitCode: number
  readonly problems: readonly FieldProblem[]
  /** The code of the server's problem, if it was the server that refused. */
  readonly code: string | null

  constructor(
    message: string,
    options: { exitCode?: number; problems?: readonly FieldProblem[]; code?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CliError'
    this.exitCode = options.exitCode ?? exitCodes.failed
    this.problems = options.problems ?? []
    this.code = options.code ?? null
  }
}

export function usageError(message: string, problems: readonly FieldProblem[] = []): CliError {
  return new CliError(message, { exitCode: exitCodes.usage, problems })
}

/** Whatever was thrown: errors of the other parts carry a code and problems too. */
export function toCliError(thrown: unknown): CliError {
  if (thrown instanceof CliError) return thrown
  if (!(thrown instanceof Error)) return new CliError(String(thrown))
  const { code, problems } = thrown as Error & { code?: unknown; problems?: unknown }
  const isOurs = typeof code === 'string' && Array.isArray(problems)
  if (!isOurs) return new CliError(`cutover failed: ${thrown.message}`, { cause: thrown })
  return new CliError(thrown.message, { exitCode: exitCodeOf(code), problems, code, cause: thrown })
}

/** What the caller can put right by asking differently is a matter of usage. */
export function exitCodeOf(code: string): number {
  const isUsage = code.startsWith('invalid-') || code.endsWith('-not-found') || usageCodes.has(code)
  return isUsage ? exitCodes.usage : exitCodes.failed
}

const usageCodes = new Set([
  'binding-refused',
  'certificate-invalid',
  'not-available-yet',
  'version-immutable',
  'model-invalid',
  'tensor-invalid',
  'body-too-large',
])

export function errorText(error: CliError): string {
  const lines = error.problems.map(problem => `  ${problemText(problem)}\n`)
  return `error: ${printable(error.message)}\n${lines.join('')}`
}

function problemText({ path, message, value, allowed }: FieldProblem): string {
  const got = value === undefined ? [] : [`got ${typeof value === 'string' ? `"${value}"` : JSON.stringify(value)}`]
  const listed = allowed === undefined || allowed.length === 0 ? [] : [`allowed: ${allowed.join(', ')}`]
  const details = [...got, ...listed]
  const place = path === '' ? '' : `${path}: `
  return printable(`${place}${message}${details.length > 0 ? ` (${details.join('; ')})` : ''}`)
}

export function errorJson(error: CliError): string {
  const { message, code, problems } = error
  return `${JSON.stringify({ error: { message, code, problems } })}\n`
}
