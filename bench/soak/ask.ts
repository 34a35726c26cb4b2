/** One request as callers send it, and what became of it. */
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { count, type Ledger, noteAnswer } from './ledger.ts'

/** Callers go to each of the ports in turn; with `mayBeGone` nobody may be there. */
export type World = { ports: readonly number[]; mayBeGone: boolean; ledger: Ledger; agent: Agent; signal: AbortSignal }

export type Call = {
  kind: string
  path: string
  method?: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  /** Chunks are sent one after another, without a length unless `headers` state it. */
  body?: string | readonly Buffer[]
  chunkPauseMs?: number
  /** The caller leaves so long after it has begun. */
  leaveAfterMs?: number
  /** Reads no faster than this. */
  bytesPerSecond?: number
}

export type Got = { status: number; headers: IncomingHttpHeaders; body: string; whole: boolean; token: string }

/** Longer than any answer takes: what takes longer hangs. */
const hangMs = 30_000
let calls = 0

/** Null if there was no answer. */
export async function ask(world: World, call: Call): Promise<Got | null> {
  const { ledger } = world
  calls += 1
  const token = `r${calls}`
  let isLeaving = false
  const req = request({
    ...{
      host: '127.0.0.1',
      port: world.ports[calls % world.ports.length],
      agent: world.agent,
      path: call.path,
      method: call.method ?? 'POST',
    },
    headers: { 'x-user-id': `user-${calls % 500}`, 'x-request': token, ...call.headers },
  })
  const hang = setTimeout(() => {
    count(ledger.wrongs, `a request (${call.kind}) had no end within ${hangMs / 1_000} s`)
    req.destroy()
  }, hangMs)
  const leave =
    call.leaveAfterMs === undefined
      ? null
      : setTimeout(() => {
          isLeaving = true
          ledger.left += 1
          req.destroy()
        }, call.leaveAfterMs)
  try {
    const response = await answerTo(req, call)
    const { statusCode: status = 0, headers } = response
    const [id, version] = [fieldOf(headers, 'x-cutover-prediction-id'), fieldOf(headers, 'x-cutover-version')]
    noteAnswer(ledger, { kind: call.kind, status, id, version })
    const body = await readAnswer(response, call).catch(() => null)
    if (body === null && !isLeaving) ledger.cut += 1
    return { status, headers, body: body ?? '', whole: body !== null, token }
  } catch {
    if (!isLeaving) count(ledger.statuses, `${call.kind} no answer`)
    return null
  } finally {
    clearTimeout(hang)
    if (leave !== null) clearTimeout(leave)
  }
}

function answerTo(req: ReturnType<typeof request>, call: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    req
      .once('response', resolve)
      .on('error', reject)
      .once('close', () => reject(new Error('closed')))
    void send(req, call)
  })
}

async function send(req: ReturnType<typeof request>, { body, chunkPauseMs = 0 }: Call): Promise<void> {
  if (body === undefined || typeof body === 'string') {
    req.end(body)
    return
  }
  for (const chunk of body) {
    if (req.destroyed) return
    req.write(chunk)
    await pause(chunkPauseMs)
  }
  req.end()
}

async function readAnswer(response: IncomingMessage, { bytesPerSecond }: Call): Promise<string> {
  if (bytesPerSecond === undefined) return text(response)
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    await pause(((chunk as Buffer).length * 1_000) / bytesPerSecond)
  }
  return String(bytes)
}

function fieldOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

export function pause(ms: number): Promise<void> {
  return new Promise(done => setTimeout(done, ms))
}
