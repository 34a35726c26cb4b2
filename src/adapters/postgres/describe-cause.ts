/** The code and the words of what went wrong; several tries at several addresses are told as one. */
export function describeCause(cause: unknown): { code: string; message: string } {
  if (cause instanceof AggregateError && cause.errors.length > 0) return describeCause(cause.errors[0])
  if (!(cause instanceof Error)) return { code: '', message: cause === null ? 'there is no connection' : String(cause) }
  return { code: 'code' in cause ? String(cause.code) : '', message: cause.message }
}
