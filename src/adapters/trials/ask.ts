/** One request of a trial, from an instance of a version to the last byte of its answer. */

import { fieldOf, linesOf } from '../../core/http/field-lines.ts'
import { jsonBytesOf } from '../../core/http/json-bytes.ts'
import { limits } from '../../core/limits.ts'
import { wholeAnswer } from '../../ports/whole-answer.ts'
import type { TrialSurroundings } from './surroundings.ts'

export type TrialRequest = {
  /** What model servers are told by `x-cutover-trial`, so that they can tell a trial from a caller. */
  kind: 'smoke' | 'replay'
  method: string
  path: string
  headers: readonly (readonly [name: string, value: string])[]
  body: Uint8Array | null
}

/** `stopped`: the trial had to end; nothing is said of the version. */
export type Asked =
  | {
      state: 'answered'
      status: number
      contentType: string
      jsonBytes: number | null
      body: Uint8Array
      tookMs: number
    }
  | { state: 'failed'; reason: string }
  | { state: 'stopped' }

export async function ask(version: string, request: TrialRequest, around: TrialSurroundings): Promise<Asked> {
  const { fleets, spec, signal } = around
  if (signal.aborted) return { state: 'stopped' }
  const instance = fleets.pick(spec.name, version)
  if (instance === null) return { state: 'failed', reason: `${version} has no ready instance` }
  const deadline = AbortSignal.timeout(limits.trialRequestTimeoutMs)
  const sentMs = performance.now()
  try {
    const call = {
      method: request.method,
      path: request.path,
      fields: fieldsOf(request),
      body: request.body,
      timeouts: spec.timeouts,
    }
    const bounds = { bytesMax: limits.trialAnswerBytesMax, signal: AbortSignal.any([signal, deadline]) }
    const { status, fields, body } = await wholeAnswer(instance, call, bounds)
    const tookMs = performance.now() - sentMs
    const contentType = fieldOf(fields, 'content-type') ?? ''
    return { state: 'answered', status, contentType, jsonBytes: jsonBytesOf(fields), body, tookMs }
  } catch (error) {
    if (signal.aborted) return { state: 'stopped' }
    if (deadline.aborted)
      return { state: 'failed', reason: `not answered in full within ${limits.trialRequestTimeoutMs / 1_000} s` }
    return { state: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
}

/** An answer is compared as it is, so none is asked for in a compressed form. */
function fieldsOf({ kind, headers }: TrialRequest): string {
  return linesOf([...headers.flat(), 'accept-encoding', 'identity', 'x-cutover-trial', kind])
}
