/** One request of a trial, from an instance of a version to the last byte of its answer. */
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { BackendResponse } from '../../ports/backend.ts'
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
  | { state: 'answered'; status: number; contentType: string; body: Uint8Array; tookMs: number }
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
    const response = await instance.send({
      method: request.method,
      path: request.path,
      headers: fieldsOf(request),
      body: request.body,
      timeouts: spec.timeouts,
      signal: AbortSignal.any([signal, deadline]),
    })
    const body = await wholeBody(response)
    const tookMs = performance.now() - sentMs
    return { state: 'answered', status: response.status, contentType: contentTypeOf(response), body, tookMs }
  } catch (error) {
    if (signal.aborted) return { state: 'stopped' }
    if (deadline.aborted)
      return { state: 'failed', reason: `not answered in full within ${limits.trialRequestTimeoutMs / 1_000} s` }
    return { state: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
}

/** An answer is compared as it is, so none is asked for in a compressed form. */
function fieldsOf({ kind, headers, body }: TrialRequest): string[] {
  const own = ['accept-encoding', 'identity', 'x-cutover-trial', kind]
  const length = body === null ? [] : ['content-length', String(body.byteLength)]
  return [...headers.flat(), ...length, ...own]
}

async function wholeBody({ body }: BackendResponse): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop destroys the stream.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > limits.trialAnswerBytesMax)
      throw new CutoverError('body-too-large', `the answer is longer than ${limits.trialAnswerBytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function contentTypeOf({ headers }: BackendResponse): string {
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.toLowerCase() === 'content-type') return headers[at + 1] ?? ''
  return ''
}
