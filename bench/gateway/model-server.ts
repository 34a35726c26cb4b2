/**
 * A model server for what nginx cannot play: it takes whole uploads before it answers, and sends tokens one by one, each with
 * the time at which it left. Started by the bench with its port.
 *
 *   ANY  /tokens?count=N&every=MS    server-sent events
 *   POST any other path              takes the body, answers with short JSON
 */
import { createServer, type Socket } from 'node:net'
import { answerBody } from './settings.ts'

const headOf = (type: string, more: string) => `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${more}\r\n\r\n`
const answer = Buffer.from(headOf('application/json', `content-length: ${answerBody.length}`) + answerBody)
const streamHead = headOf('text/event-stream', 'cache-control: no-store\r\ntransfer-encoding: chunked')
const lastChunk = Buffer.from('0\r\n\r\n')

/** Streams are spread over so many ticks of a millisecond, so that they do not all speak at once. */
type Stream = { socket: Socket; left: number; everyMs: number; nextMs: number }
const streams = new Set<Stream>()
setInterval(tick, 1)

createServer({ noDelay: true }, socket => {
  socket.on('error', () => socket.destroy())
  serve(socket)
}).listen(Number(process.argv[2]), '127.0.0.1')

function serve(socket: Socket): void {
  let head: Buffer = Buffer.alloc(0)
  /** Bytes of the body that are to come; null while a head is read, infinite for a chunked one. */
  let left: number | null = null
  let path = ''
  let tail: Buffer = Buffer.alloc(0)
  const take = (chunk: Buffer): void => {
    if (left === null) {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      const text = head.toString('latin1', 0, end)
      const rest = head.subarray(end + 4)
      head = Buffer.alloc(0)
      path = text.split(' ', 2)[1] ?? '/'
      left = /\r\ntransfer-encoding: *chunked/i.test(text) ? Number.POSITIVE_INFINITY : lengthIn(text)
      tail = Buffer.alloc(0)
      take(rest)
    } else if (left === Number.POSITIVE_INFINITY) {
      tail = Buffer.concat([tail, chunk]).subarray(-lastChunk.length)
      if (tail.equals(lastChunk)) finish(Buffer.alloc(0))
    } else if (chunk.length < left) left -= chunk.length
    else finish(chunk.subarray(left))
  }
  const finish = (rest: Buffer): void => {
    left = null
    if (path.includes('/tokens')) speak(socket, new URL(path, 'http://any').searchParams)
    else socket.write(answer)
    if (rest.length > 0) take(rest)
  }
  socket.on('data', take)
}

function lengthIn(head: string): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
}

/** The first token comes with the head. */
function speak(socket: Socket, wanted: URLSearchParams): void {
  const everyMs = Number(wanted.get('every') ?? 40)
  const stream: Stream = { socket, left: Number(wanted.get('count') ?? 50), everyMs, nextMs: performance.now() }
  socket.write(streamHead)
  streams.add(stream)
  sayOne(stream, performance.now())
}

function tick(): void {
  const nowMs = performance.now()
  for (const stream of streams) if (stream.nextMs <= nowMs) sayOne(stream, nowMs)
}

function sayOne(stream: Stream, nowMs: number): void {
  const { socket } = stream
  if (socket.destroyed) {
    streams.delete(stream)
    return
  }
  const event = `data: {"sent":${steadyMs().toFixed(3)},"token":" token"}\n\n`
  stream.left -= 1
  stream.nextMs += stream.everyMs
  // One that fell behind does not catch up in a burst.
  if (stream.nextMs < nowMs) stream.nextMs = nowMs + stream.everyMs
  const isLast = stream.left <= 0
  socket.write(`${event.length.toString(16)}\r\n${event}\r\n${isLast ? '0\r\n\r\n' : ''}`)
  if (isLast) streams.delete(stream)
}

/** The same clock in every process of this machine. */
function steadyMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
