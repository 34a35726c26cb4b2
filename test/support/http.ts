/** Small requests over a real socket. */
import { request } from 'node:http'

export type Answer<Body = Record<string, unknown>> = { status: number; headers: Headers; body: Body }

export async function call<Body = Record<string, unknown>>(
  url: string,
  options: { method?: string; json?: unknown; body?: string; headers?: Record<string, string> } = {},
): Promise<Answer<Body>> {
  const { json, headers } = options
  const body = json === undefined ? options.body : JSON.stringify(json)
  const response = await fetch(url, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body }),
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : text) as Body }
}

/** `fetch` sets Host and Origin itself; this does not. */
export function rawStatus(url: string, options: { method: string; headers: Record<string, string> }): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, response => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end()
  })
}

export type ServerEvent = { id: string | null; event: string; data: Record<string, unknown> }

/** Reads server-sent events one at a time; null once the server has ended the stream. */
export async function openEvents(url: string, headers: Record<string, string> = {}) {
  const abort = new AbortController()
  const response = await fetch(url, { headers, signal: abort.signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let buffered = ''
  const comments: string[] = []
  const next = async (): Promise<ServerEvent | null> => {
    for (;;) {
      const end = buffered.indexOf('\n\n')
      if (end < 0) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) return null
        buffered += value
        continue
      }
      const block = buffered.slice(0, end)
      buffered = buffered.slice(end + 2)
      const event = parseBlock(block)
      if (event === null) comments.push(block)
      else return event
    }
  }
  return { response, next, comments, abort: () => abort.abort() }
}

function parseBlock(block: string): ServerEvent | null {
  const fields = new Map(
    block.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(': ') + 2)]),
  )
  const [event, data] = [fields.get('event'), fields.get('data')]
  return event === undefined || data === undefined
    ? null
    : { id: fields.get('id') ?? null, event, data: JSON.parse(data) }
}
