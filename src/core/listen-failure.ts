import { CutoverError } from './errors.ts'

/** Why nobody can be listened to there, for the person who started the server: `port-in-use`, or else `invalid-resource`. */
export function listenFailure(
  cause: NodeJS.ErrnoException,
  { host, port }: { host: string; port: number },
  words: { remedy: string; purpose?: string; what: string },
): CutoverError {
  const { remedy, purpose = '', what } = words
  if (cause.code === 'EADDRINUSE')
    return new CutoverError('port-in-use', `port ${port} on ${host}${purpose} is in use; ${remedy}`, [], cause)
  return new CutoverError('invalid-resource', `${what} on ${host} port ${port}: ${cause.message}`, [], cause)
}
