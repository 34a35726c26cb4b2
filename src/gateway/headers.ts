/**
 * Header fields on their way through. Names and values keep their bytes and their order; only fields of the connection
 * (RFC 9110, 7.6.1) and Cutover's own are taken out, and ours are added last so that no caller can have them stripped.
 */
import { withoutKeys } from '../core/access/carried.ts'
import { withoutFields } from '../core/http/field-lines.ts'
import { type Deadline, deadlineHeader, remainingMs } from './deadline.ts'
import type { Inbound } from './inbound.ts'
import { type Trace, tracedLines } from './trace-context.ts'

export const ownHeaders = {
  unit: 'x-cutover-unit',
  version: 'x-cutover-version',
  endpoint: 'x-cutover-endpoint',
  predictionId: 'x-cutover-prediction-id',
  /** On copies alone: the challenger that is asked. */
  shadow: 'x-cutover-shadow',
} as const

type OwnHeader = (typeof ownHeaders)[keyof typeof ownHeaders]

/** The lines a model server gets. */
export function requestFields(
  inbound: Inbound,
  added: { predictionId: string; deadline: Deadline | null; trace: Trace | null },
): string {
  const { predictionId, deadline, trace } = added
  let kept = tracedLines(inbound, trace)
  if (deadline !== null) kept = `${withoutDeadline(kept)}${deadlineHeader}: ${remainingMs(deadline)}\r\n`
  return `${withoutKeys(kept)}x-cutover-prediction-id: ${predictionId}\r\n${hopLines(inbound)}`
}

/** Of the request before: callers come by few ways. */
let lastHop = { address: '', version: '', lines: '' }

function hopLines({ remoteAddress, httpVersion }: Inbound): string {
  if (remoteAddress === lastHop.address && httpVersion === lastHop.version) return lastHop.lines
  const lines = `x-forwarded-for: ${remoteAddress}\r\nvia: ${httpVersion} cutover\r\n`
  lastHop = { address: remoteAddress, version: httpVersion, lines }
  return lines
}

function withoutDeadline(lines: string): string {
  return withoutFields(lines, name => name === deadlineHeader)
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * A request field's text by lower-case name; an empty field counts as absent. Fields are read as Latin-1: what is
 * valid UTF-8 is read as that, so that a unit has one hash whether it came in a header or in a JSON body.
 */
export function headerText(inbound: Inbound, lowerName: string): string | undefined {
  const text = inbound.field(lowerName)
  return text === undefined || text === '' ? undefined : asUtf8(text)
}

/** The same for a field of our own, which most requests have none of. */
export function ownHeader(inbound: Inbound, name: OwnHeader): string | undefined {
  return inbound.mayHaveOwnFields ? headerText(inbound, name) : undefined
}

export function asUtf8(latin1: string): string {
  if (!/[\x80-\xff]/.test(latin1)) return latin1
  try {
    return strictUtf8.decode(Buffer.from(latin1, 'latin1'))
  } catch {
    return latin1
  }
}
