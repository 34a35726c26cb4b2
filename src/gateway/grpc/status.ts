/** gRPC's statuses for what HTTP has numbers for: of the gateway's own refusals and of model servers alike. */
import { limits } from '../../core/limits.ts'
import type { HttpAnswer } from './grpc-outbound.ts'

/** As grpc-js numbers them; its own table would have to be loaded with all of it. */
export const grpcCodes = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

export type Failure = { code: number; details: string }

const codes: ReadonlyMap<number, number> = new Map([
  [400, grpcCodes.invalidArgument],
  [401, grpcCodes.unauthenticated],
  [403, grpcCodes.permissionDenied],
  [404, grpcCodes.notFound],
  [405, grpcCodes.unimplemented],
  [408, grpcCodes.deadlineExceeded],
  [409, grpcCodes.failedPrecondition],
  [413, grpcCodes.resourceExhausted],
  [422, grpcCodes.invalidArgument],
  [429, grpcCodes.resourceExhausted],
  [499, grpcCodes.cancelled],
  [501, grpcCodes.unimplemented],
  [502, grpcCodes.unavailable],
  [503, grpcCodes.unavailable],
  [504, grpcCodes.deadlineExceeded],
])

/** Null for a success. */
export function failureOf({ status, body }: HttpAnswer): Failure | null {
  if (status >= 200 && status < 300) return null
  const details = sentenceOf(body) ?? `the model server answered with the status ${status}`
  return { code: codeOf(status), details: details.slice(0, limits.grpcDetailsMax) }
}

function codeOf(status: number): number {
  const known = codes.get(status)
  if (known !== undefined) return known
  return status >= 400 && status < 500 ? grpcCodes.invalidArgument : grpcCodes.internal
}

/** What the protocol's errors say: `{"error": text}`. */
function sentenceOf(body: Buffer): string | null {
  try {
    const { error } = JSON.parse(body.toString('utf8'))
    return typeof error === 'string' ? error : null
  } catch {
    return null
  }
}
