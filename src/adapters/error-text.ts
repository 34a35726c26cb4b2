/** A failure of the network in few words: the code that the system gave it, or its message. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  if (error.name === 'TimeoutError') return 'no answer in time'
  return typeof code === 'string' ? `${code}: ${error.message}` : error.message
}
