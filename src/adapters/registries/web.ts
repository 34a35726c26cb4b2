/** Requests to registries: bounded in time and size, given up when `until` is aborted, redirects not followed. */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Client } from 'undici'
import { limits } from '../../core/limits.ts'
import { within } from '../within.ts'

type Ask = {
  url: URL
  method?: 'GET' | 'POST' | 'DELETE'
  json?: unknown
  token?: string | null
  until: AbortSignal | undefined
}

export type WebAnswer = { status: number; text: string }

/** Whatever the status; rejects without an answer, or with one that is too long. */
export async function askWeb({ url, method = 'GET', json, token = null, until }: Ask): Promise<WebAnswer> {
  const client = new Client(url.origin, { connectTimeout: limits.registryTimeoutMs })
  try {
    const { statusCode, body } = await client.request({
      path: url.pathname + url.search,
      method,
      headers: {
        accept: 'application/json',
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...bearer(token),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      signal: within(limits.registryTimeoutMs, until),
    })
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > limits.registryAnswerBytesMax)
        throw new Error(`${placeOf(url)} answers more than ${limits.registryAnswerBytesMax} bytes`)
      chunks.push(chunk)
    }
    return { status: statusCode, text: Buffer.concat(chunks).toString('utf8') }
  } finally {
    await client.destroy()
  }
}

/** Streams a file to disk; rejects when it is longer than allowed. The file may then be there in part. */
export async function fetchFile(from: {
  url: URL
  file: string
  bytesMax: number
  token?: string | null
  until: AbortSignal | undefined
}): Promise<{ bytes: number; sha256: string }> {
  const { url, file, bytesMax, token = null, until } = from
  const client = new Client(url.origin, { connectTimeout: limits.registryTimeoutMs })
  try {
    const { statusCode, body } = await client.request({
      path: url.pathname + url.search,
      method: 'GET',
      headers: bearer(token),
      signal: within(limits.registryDownloadMs, until),
    })
    if (statusCode !== 200) throw new Error(`${placeOf(url)} answered ${statusCode}`)
    const hash = createHash('sha256')
    let bytes = 0
    const measured = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        hash.update(chunk)
        done(bytes > bytesMax ? new Error(`${placeOf(url)} is longer than ${bytesMax} bytes`) : null, chunk)
      },
    })
    await pipeline(body, measured, createWriteStream(file, { mode: 0o600, flush: true }))
    return { bytes, sha256: hash.digest('hex') }
  } finally {
    await client.destroy()
  }
}

/** Without what may be a secret. */
export function placeOf(url: URL): string {
  return url.origin + url.pathname
}

function bearer(token: string | null): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` }
}
