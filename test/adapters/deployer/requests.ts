import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { BackendRequest, BackendResponse } from '../../../src/adapters/deployer/by-promise.ts'

export function request(parts: Partial<BackendRequest> & { path: string }): BackendRequest {
  return {
    method: 'POST',
    headers: ['content-type', 'application/json'],
    body: null,
    timeouts: { connectMs: 2_000, firstByteMs: 10_000, idleMs: 10_000 },
    signal: new AbortController().signal,
    ...parts,
  }
}

/** The body of an answer, one character for each byte. */
export async function text({ body }: BackendResponse): Promise<string> {
  return (body instanceof Readable ? await buffer(body) : Buffer.from(body)).toString('latin1')
}

/** The body of an answer as JSON. */
export async function json(response: BackendResponse): Promise<unknown> {
  return JSON.parse(Buffer.from(await text(response), 'latin1').toString())
}
