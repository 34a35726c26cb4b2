import { CutoverError } from '../../../../core/errors.ts'
import { errorCode } from '../error-code.ts'

/** How each failure of a call is told to a person. */
export const failures = {
  cannotConnect: (address: string, cause: Error) =>
    new CutoverError('backend-unreachable', `cannot connect to ${address}: ${errorCode(cause)}`, [], cause),
  noConnection: (address: string, connectMs: number) =>
    new CutoverError('backend-unreachable', `no connection to ${address} within ${connectMs} ms`),
  allBusy: (address: string, connections: number, connectMs: number) =>
    new CutoverError(
      'overloaded',
      `all ${connections} connections to ${address} were busy for ${connectMs} ms; \`connections\` of a version allows more`,
    ),
  stoppedUnsent: (address: string) => new CutoverError('backend-unreachable', `${address} is being stopped`),
  stopped: (address: string) => new CutoverError('backend-failed', `${address} is being stopped`),
  noAnswer: (address: string, firstByteMs: number) =>
    new CutoverError('backend-timeout', `${address} did not begin to answer within ${firstByteMs} ms`),
  stalled: (address: string, idleMs: number) =>
    new CutoverError('backend-timeout', `${address} sent nothing for ${idleMs} ms in the middle of its answer`),
  tooSlow: (address: string, totalMs: number) =>
    new CutoverError('backend-timeout', `${address} was not done within ${totalMs} ms`),
  malformed: (address: string, fault: string) =>
    new CutoverError('backend-failed', `${address} did not answer as HTTP/1.1 is: ${fault}`),
  brokeOff: (address: string, when: string, cause: Error | null) =>
    new CutoverError('backend-failed', `${address} broke off ${when}: ${cause?.message ?? 'closed'}`, [], cause),
  invalid: (what: string) => new CutoverError('invalid-request', `the request cannot be passed on: ${what}`),
} as const
