/**
 * Model servers that flap: they refuse, break off in mid-answer, answer late or with errors, or restart. Each answer says which
 * server it is from and which request it is for, so that a caller knows that it got its own.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const moods = ['well', 'refuses', 'breaks off', 'slow', 'fails', 'restarts'] as const
export type Mood = (typeof moods)[number]

export type Upstream = {
  readonly version: string
  readonly url: string
  readonly mood: Mood
  set(mood: Mood): Promise<void>
  close(): Promise<void>
}

export const bigAnswerBytes = 2 * 1024 * 1024
export const tokensPerStream = 20
const tokenPauseMs = 50
const slowestMs = 1_500
/** Of the requests that a server gets while it is not well. */
const shareHit = 0.5

export async function startUpstream(version: string): Promise<Upstream> {
  let mood: Mood = 'well'
  let server = await listening(0)
  const { port } = server.address() as AddressInfo

  async function listening(at: number): Promise<Server> {
    const made = createServer({ keepAlive: true, requestTimeout: 0 }, (req, res) => {
      res.on('error', () => {})
      req.on('error', () => {})
      void serve(req, res, { version, mood: req.url === '/ready' ? 'well' : mood })
    })
    await new Promise<void>((resolve, reject) => made.once('error', reject).listen(at, '127.0.0.1', resolve))
    return made
  }
  async function shut(): Promise<void> {
    if (!server.listening) return
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }

  return {
    version,
    url: `http://127.0.0.1:${port}`,
    get mood() {
      return mood
    },
    async set(wanted) {
      mood = wanted
      if (wanted === 'refuses') return shut()
      if (wanted === 'restarts') {
        await shut()
        mood = 'well'
      }
      if (!server.listening) server = await listening(port)
    },
    close: shut,
  }
}

async function serve(req: IncomingMessage, res: ServerResponse, as: { version: string; mood: Mood }): Promise<void> {
  const isHit = as.mood !== 'well' && Math.random() < shareHit
  if (isHit && as.mood === 'slow') await pause(Math.random() * slowestMs)
  if (isHit && as.mood === 'fails') return void res.writeHead(500).end('{"error":"on purpose"}')
  if (isHit && as.mood === 'breaks off') return breakOff(res)
  const path = req.url ?? '/'
  if (path.startsWith('/tokens')) return speak(req, res, as.version)
  const bytes = await bytesOf(req)
  if (req.destroyed && !req.complete) return
  const known = { version: as.version, request: req.headers['x-request'] ?? null, bytes, label: bytes % 10 }
  const body = path.startsWith('/big')
    ? Buffer.alloc(bigAnswerBytes, 'x')
    : Buffer.from(`${JSON.stringify(known).slice(0, -1)},"padding":"${'x'.repeat(200)}"}`)
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
}

/** Before a byte of the answer, after its head, or in the middle of its body. */
function breakOff(res: ServerResponse): void {
  const where = Math.random()
  if (where > 0.3) res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 }).flushHeaders()
  if (where > 0.6) res.write('{"half":')
  setTimeout(() => res.socket?.resetAndDestroy(), 5)
}

async function bytesOf(req: IncomingMessage): Promise<number> {
  let bytes = 0
  try {
    for await (const chunk of req) bytes += (chunk as Buffer).length
  } catch {
    // The caller left, which is what some of them do.
  }
  return bytes
}

async function speak(req: IncomingMessage, res: ServerResponse, version: string): Promise<void> {
  req.resume()
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  for (let token = 0; token < tokensPerStream && !res.destroyed; token += 1) {
    res.write(`data: ${JSON.stringify({ version, request: req.headers['x-request'] ?? null, token })}\n\n`)
    await pause(tokenPauseMs)
  }
  res.end()
}

function pause(ms: number): Promise<void> {
  return new Promise(done => setTimeout(done, ms))
}

const moodMs = { least: 500, most: 3_000 }

/** One server at a time is in a bad mood, for a while; the others are well. */
export async function flap(upstreams: readonly Upstream[], signal: AbortSignal): Promise<Map<Mood, number>> {
  const seen = new Map<Mood, number>()
  while (!signal.aborted) {
    const one = pick(upstreams)
    const mood = pick(moods)
    seen.set(mood, (seen.get(mood) ?? 0) + 1)
    await one.set(mood)
    await pause(moodMs.least + Math.random() * (moodMs.most - moodMs.least))
    await one.set('well')
    await pause(moodMs.least)
  }
  return seen
}

function pick<One>(from: readonly One[]): One {
  return from[Math.floor(Math.random() * from.length)] as One
}
