/** When a caller stops waiting: no model server is asked for longer, and each is told what is left. */
import type { Timeouts } from '../core/endpoint.ts'
import { limits } from '../core/limits.ts'
import { badHeader } from './errors.ts'
import type { Inbound } from './inbound.ts'

/** On the process's steady clock, in milliseconds. */
export type Deadline = { atMs: number }

/** Of requests: how many milliseconds the caller waits for the whole answer. */
export const deadlineHeader = 'x-request-timeout-ms'

/** Null if the caller says nothing. Throws invalid-request. */
export function deadlineOf(inbound: Inbound): Deadline | null {
  const given = inbound.field(deadlineHeader)
  if (given === undefined) return null
  const ms = /^\d{1,9}$/.test(given) ? Number(given) : 0
  if (ms < 1 || ms > limits.requestTimeMsMax)
    throw badHeader(deadlineHeader, given, `a whole number of milliseconds from 1 to ${limits.requestTimeMsMax}`)
  return { atMs: performance.now() + ms }
}

/** Whole milliseconds, and at least 1: a call that is made at all is given some time. */
export function remainingMs({ atMs }: Deadline): number {
  return grantedMs(atMs - performance.now())
}

/** Of a call where so much is left of the whole request's time. */
export function timeoutsWithin(leftMs: number, { connectMs, firstByteMs, idleMs }: Timeouts): Timeouts {
  const totalMs = grantedMs(leftMs)
  return {
    connectMs: Math.min(connectMs, totalMs),
    firstByteMs: Math.min(firstByteMs, totalMs),
    idleMs: Math.min(idleMs, totalMs),
    totalMs,
  }
}

function grantedMs(leftMs: number): number {
  return Math.max(1, Math.ceil(leftMs))
}
