/** The code and the words of what went wrong; several tries at several addresses are told as one. */
export function describeCause(cause: unknown): { code: string; message: string } {
  if (cause instanceof AggregateError && cause.errors.length > 0) return describeCause(cause.errors[0])
  if (!(cause instanceof Error)) return { code: '', message: cause === null ? 'there is no connection' : String(cause) }
  const message = isPasswordMissing(cause) ? 'it asks for a password, and none is given; set PGPASSWORD' : cause.message
  return { code: 'code' in cause ? String(cause.code) : '', message }
}

/** The driver says it in words of its protocol. */
function isPasswordMissing({ message }: Error): boolean {
  return message.includes('client password must be a')
}
