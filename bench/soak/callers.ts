/** Callers of every kind, each one call after another until the soak is over. */
import { connect } from 'node:net'
import { ask, type Call, type Got, pause, type World } from './ask.ts'
import { count, type Ledger } from './ledger.ts'
import { bigAnswerBytes, tokensPerStream } from './upstreams.ts'

const base = '/endpoints/soak'
const json = { 'content-type': 'application/json' }
const upload = Array.from({ length: 16 }, () => Buffer.alloc(16 * 1024, 'x'))
const uploadBytes = upload.reduce((sum, { length }) => sum + length, 0)
/** Without a length in chunks, which node:http reads; with one the body passes by on its socket. */
const framings: readonly Readonly<Record<string, string>>[] = [{}, { 'content-length': String(uploadBytes) }]
const plainBody = JSON.stringify({ image: Array.from({ length: 64 }, (_, index) => index % 17) })

type Kind = { callers: number; thinkMs: number; once: (world: World) => Promise<void> }

const kinds: Readonly<Record<string, Kind>> = {
  plain: { callers: 12, thinkMs: 10, once: plain },
  uploads: { callers: 2, thinkMs: 50, once: uploads },
  streams: { callers: 16, thinkMs: 20, once: streams },
  aborts: { callers: 3, thinkMs: 20, once: aborts },
  slowReaders: { callers: 2, thinkMs: 50, once: slowReaders },
  bad: { callers: 2, thinkMs: 50, once: bad },
  feedback: { callers: 1, thinkMs: 50, once: feedback },
}

/** Resolves once all of them have had the answer to their last call. */
export async function callAll(world: World): Promise<void> {
  const all = Object.values(kinds).flatMap(kind => Array.from({ length: kind.callers }, () => keepCalling(world, kind)))
  await Promise.all(all)
}

async function keepCalling(world: World, { once, thinkMs }: Kind): Promise<void> {
  while (!world.signal.aborted) {
    await once(world)
    await pause(thinkMs * (0.5 + Math.random()))
  }
}

async function plain(world: World): Promise<void> {
  const got = await ask(world, { kind: 'plain', path: `${base}/predict`, headers: json, body: plainBody })
  checkEcho(world.ledger, got, plainBody.length)
}

async function uploads(world: World): Promise<void> {
  const headers = pick(framings)
  const got = await ask(world, { kind: 'upload', path: `${base}/upload`, headers, body: upload, chunkPauseMs: 2 })
  checkEcho(world.ledger, got, uploadBytes)
}

async function streams(world: World): Promise<void> {
  const got = await ask(world, { kind: 'stream', path: `${base}/tokens`, headers: json, body: '{"stream":true}' })
  if (got === null || got.status !== 200 || !got.whole) return
  const events = [...got.body.matchAll(/^data: (.*)$/gm)].map(([, text]) => JSON.parse(text ?? '') as Echo)
  if (events.length !== tokensPerStream) count(world.ledger.wrongs, 'a whole stream lacked tokens')
  for (const event of events) checkOwner(world.ledger, got, event)
}

/** Leaves while it sends, while it waits, or while it reads. */
async function aborts(world: World): Promise<void> {
  const leaveAfterMs = Math.random() * 400
  const headers = pick(framings)
  const calls: readonly Call[] = [
    { kind: 'abort', path: `${base}/tokens`, headers: json, body: '{"stream":true}', leaveAfterMs },
    { kind: 'abort', path: `${base}/upload`, headers, body: upload, chunkPauseMs: 20, leaveAfterMs },
    { kind: 'abort', path: `${base}/big`, headers: json, body: plainBody, bytesPerSecond: 1024 * 1024, leaveAfterMs },
    { kind: 'abort', path: `${base}/predict`, headers: json, body: plainBody, leaveAfterMs: leaveAfterMs / 200 },
  ]
  await ask(world, pick(calls))
}

async function slowReaders(world: World): Promise<void> {
  const bytesPerSecond = 512 * 1024
  const got = await ask(world, { kind: 'slow', path: `${base}/big`, headers: json, body: plainBody, bytesPerSecond })
  if (got?.status === 200 && got.whole && Number(got.body) !== bigAnswerBytes)
    count(world.ledger.wrongs, 'a long answer had another length')
}

type Echo = { version: string; request: string | null; bytes?: number }

function checkEcho(ledger: Ledger, got: Got | null, bytes: number): void {
  if (got === null || got.status !== 200 || !got.whole) return
  const echo = JSON.parse(got.body) as Echo
  if (echo.bytes !== bytes) count(ledger.wrongs, 'a body reached the model server with another length')
  checkOwner(ledger, got, echo)
}

function checkOwner(ledger: Ledger, got: Got, echo: Echo): void {
  if (echo.request !== got.token) count(ledger.wrongs, 'an answer belongs to another request')
  if (echo.version !== got.headers['x-cutover-version']) count(ledger.wrongs, 'another version answered than is named')
}

const head = `POST ${base}/predict HTTP/1.1\r\nhost: soak\r\n`

/** Requests that nobody should take, each with the statuses that are right; null is a closed connection. */
const badRequests: readonly { name: string; text: string; right: readonly (number | null)[] }[] = [
  { name: 'no HTTP', text: 'GARBAGE\r\n\r\n', right: [400, null] },
  { name: 'two lengths', text: `${head}content-length: 1\r\ncontent-length: 2\r\n\r\nx`, right: [400] },
  {
    name: 'length and chunks',
    text: `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    right: [400],
  },
  { name: 'a bad chunk', text: `${head}transfer-encoding: chunked\r\n\r\nzz\r\nx\r\n`, right: [400, null] },
  { name: 'long headers', text: `${head}x-long: ${'x'.repeat(60_000)}\r\n\r\n`, right: [431, null] },
  { name: 'a body over the limit', text: `${head}content-length: 99999999999\r\n\r\nx`, right: [413] },
  { name: 'no such endpoint', text: 'GET /endpoints/none/x HTTP/1.1\r\nhost: soak\r\n\r\n', right: [404] },
  { name: 'no such path', text: 'GET /nothing HTTP/1.1\r\nhost: soak\r\n\r\n', right: [404] },
]

async function bad({ ports, mayBeGone, ledger }: World): Promise<void> {
  const { name, text, right } = pick(badRequests)
  const status = await statusOf(pick(ports), text)
  count(ledger.statuses, `bad ${status ?? 'closed'}`)
  if (!right.includes(status) && !(mayBeGone && status === null))
    count(ledger.wrongs, `${name} was answered ${status ?? 'by closing'}`)
}

const badAnswerMs = 5_000

function statusOf(port: number, text: string): Promise<number | null> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    let got = ''
    const settle = () => {
      clearTimeout(timer)
      socket.destroy()
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(got)?.[1]
      resolve(status === undefined ? null : Number(status))
    }
    const timer = setTimeout(settle, badAnswerMs)
    socket.on('data', chunk => {
      got += chunk.toString('latin1')
      if (got.includes('\r\n\r\n')) settle()
    })
    socket.on('error', settle).on('close', settle)
    socket.write(text)
  })
}

let outcomes = 0

/** Of recent predictions, and now and then of one that never was. */
async function feedback(world: World): Promise<void> {
  const { answered } = world.ledger
  const recent = [...answered.keys()].slice(-200)
  if (recent.length === 0) return
  const items = Array.from({ length: 20 }, () => {
    outcomes += 1
    return { id: `outcome-${outcomes}`, prediction: pick(recent), label: outcomes % 10 }
  })
  const body = JSON.stringify([...items, { id: `nobody-${outcomes}`, prediction: `no-such-${outcomes}`, label: 1 }])
  const got = await ask(world, { kind: 'feedback', path: '/v1/feedback', headers: json, body })
  if (got?.status !== 200 || !got.whole) return
  for (const { id } of items) world.ledger.outcomes.add(id)
}

function pick<One>(from: readonly One[]): One {
  return from[Math.floor(Math.random() * from.length)] as One
}
