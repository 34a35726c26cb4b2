import { CutoverError } from '../../../../core/errors.ts'
import { errorCode } from '../error-code.ts'

/** How each failure of a call is told to its caller, of the server by its `name`: where it is, is nobody's matter outside. */
export const failures = {
  cannotConnect: (name: string, cause: Error) =>
    new CutoverError('backend-unreachable', `cannot connect to ${name}: ${errorCode(cause)}`, [], cause),
  noConnection: (name: string, connectMs: number) =>
    new CutoverError('backend-unreachable', `no connection to ${name} within ${connectMs} ms`),
  allBusy: (name: string, connections: number, connectMs: number) =>
    new CutoverError(
      'overloaded',
      `all ${connections} connections to ${name} were busy for ${connectMs} ms; \`connections\` of a version allows more`,
    ),
  stoppedUnsent: (name: string) => new CutoverError('backend-unreachable', `${name} is being stopped`),
  stopped: (name: string) => new CutoverError('backend-failed', `${name} is being stopped`),
  noAnswer: (name: string, firstByteMs: number) =>
    new CutoverError('backend-timeout', `${name} did not begin to answer within ${firstByteMs} ms`),
  stalled: (name: string, idleMs: number) =>
    new CutoverError('backend-timeout', `${name} sent nothing for ${idleMs} ms in the middle of its answer`),
  tooSlow: (name: string, totalMs: number) =>
    new CutoverError('backend-timeout', `${name} was not done within ${totalMs} ms`),
  malformed: (name: string, fault: string) =>
    new CutoverError('backend-failed', `${name} did not answer as HTTP/1.1 is: ${fault}`),
  brokeOff: (name: string, when: string, cause: Error | null) =>
    new CutoverError(
      'backend-failed',
      `${name} broke off ${when}: ${cause === null ? 'closed' : errorCode(cause)}`,
      [],
      cause,
    ),
  invalid: (what: string) => new CutoverError('invalid-request', `the request cannot be passed on: ${what}`),
} as const
