/** One POST to another system; redirects are not followed and of the answer only the beginning is read. */
import { Client } from 'undici'
import { limits } from '../../core/limits.ts'
import { errorText } from '../error-text.ts'
import { within } from '../within.ts'

export type Posted = { status: number; text: string } | { status: null; text: string }

/** Never rejects: without an answer the status is null and the text says why. */
export async function post(input: {
  url: string
  body: string
  headers: Readonly<Record<string, string>>
  timeoutMs: number
  /** Given up when it is aborted. */
  until?: AbortSignal
}): Promise<Posted> {
  const { body: text, headers, timeoutMs, until } = input
  const signal = within(timeoutMs, until)
  let client: Client | null = null
  try {
    const url = new URL(input.url)
    client = new Client(url.origin, { connectTimeout: timeoutMs })
    const { statusCode, body } = await client.request({
      method: 'POST',
      path: url.pathname + url.search,
      headers: { 'content-type': 'application/json', 'user-agent': 'cutover', ...headers },
      body: text,
      signal,
    })
    return { status: statusCode, text: await beginningOf(body) }
  } catch (error) {
    return { status: null, text: errorText(error) }
  } finally {
    await client?.destroy()
  }
}

async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= limits.webhookAnswerBytesMax) break
  }
  return Buffer.concat(chunks).subarray(0, limits.webhookAnswerBytesMax).toString('utf8').trim()
}

export function isYes({ status }: Posted): boolean {
  return status !== null && status >= 200 && status <= 299
}

export function describe({ status, text }: Posted): string {
  if (status === null) return text
  return text === '' ? `answered ${status}` : `answered ${status}: ${text}`
}
