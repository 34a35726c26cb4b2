/** A server that speaks bytes: what it answers need not be HTTP. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { CutoverError } from '../../../src/core/errors.ts'
import type { AnswerSink, BackendCall, Sending } from '../../../src/ports/backend.ts'
import { pem } from '../../support/tls.ts'
import type { Finished } from './support.ts'

export type RawServer = {
  address: string
  /** Requests as they came, over all connections. */
  requests: string[]
  sockets: Socket[]
  server: Server
}

/** `answer` is called for each request whose head and stated body are there, with its number on the connection. */
export async function rawServer(
  finished: Finished,
  answer: (socket: Socket, request: string, nth: number) => void,
): Promise<RawServer> {
  const state: RawServer = { address: '', requests: [], sockets: [], server: createServer() }
  state.server.on('connection', socket => {
    state.sockets.push(socket)
    let unread = ''
    let nth = 0
    socket.on('error', () => {})
    socket.on('data', chunk => {
      unread += chunk.toString('latin1')
      for (let end = endOf(unread); end !== -1 && end <= unread.length; end = endOf(unread)) {
        const request = unread.slice(0, end)
        unread = unread.slice(end)
        state.requests.push(request)
        answer(socket, request, nth)
        nth += 1
      }
    })
  })
  state.server.listen(0, '127.0.0.1')
  await once(state.server, 'listening')
  const bound = state.server.address()
  state.address = `http://127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`
  finished(() => {
    for (const socket of state.sockets) socket.destroy()
    state.server.close()
  })
  return state
}

/** Gives the same answer to each request that it reads to its end, over TLS. `ca` is what makes it trusted. */
export async function tlsServer(finished: Finished, answer: string): Promise<{ address: string; ca: Buffer }> {
  const ca = pem('ca.crt')
  const server = createTlsServer({ key: pem('server.key'), cert: pem('server.crt') })
  const sockets: Socket[] = []
  server.on('secureConnection', socket => {
    sockets.push(socket)
    let unread = ''
    socket.on('error', () => {})
    socket.on('data', chunk => {
      unread += chunk.toString('latin1')
      const end = endOf(unread)
      if (end === -1 || end > unread.length) return
      unread = unread.slice(end)
      socket.write(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  finished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const bound = server.address()
  return { address: `https://127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`, ca }
}

/** Where the first request ends; -1 while its head is not whole. A chunked one counts as its head alone. */
function endOf(text: string): number {
  const head = text.indexOf('\r\n\r\n')
  if (head === -1) return -1
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, head + 2))
  return head + 4 + Number(length?.[1] ?? 0)
}

export type Heard = {
  status: number
  fields: string
  bodyBytes: number | null
  body: string
  /** What came, in order. */
  events: string[]
  error: CutoverError | null
  sending: Sending
  /** The head is there, or never will be. */
  head: Promise<void>
  /** Nothing more comes. */
  done: Promise<void>
  drains: number
}

type Dispatching = { dispatch(call: BackendCall, sink: AnswerSink): Sending }

/** Sends a call and keeps what its sink hears. Whatever comes too early, or after the end, fails the test. */
export function hearCall(instance: Dispatching, call: BackendCall, on: Partial<AnswerSink> = {}): Heard {
  const head = Promise.withResolvers<void>()
  const done = Promise.withResolvers<void>()
  const heard: Heard = {
    status: 0,
    fields: '',
    bodyBytes: null,
    body: '',
    events: [],
    error: null,
    sending: { pause() {}, resume() {}, write: () => true, end() {}, cancel() {} },
    head: head.promise,
    done: done.promise,
    drains: 0,
  }
  let hasReturned = false
  let isOver = false
  const note = (event: string) => {
    if (!hasReturned || isOver)
      done.reject(new Error(`${event} ${isOver ? 'after the end' : 'before dispatch returned'}`))
    heard.events.push(event)
  }
  const over = () => {
    isOver = true
    head.resolve()
    done.resolve()
  }
  const sink: AnswerSink = {
    onHead(status, fields, bodyBytes) {
      note('head')
      Object.assign(heard, { status, fields, bodyBytes })
      head.resolve()
      on.onHead?.(status, fields, bodyBytes)
    },
    onBody(chunk, isLast) {
      note(isLast ? 'last' : 'body')
      heard.body += Buffer.from(chunk).toString('latin1')
      on.onBody?.(chunk, isLast)
    },
    onEnd() {
      note('end')
      over()
      on.onEnd?.()
    },
    onFail(error) {
      note(error.code)
      heard.error = error
      over()
      on.onFail?.(error)
    },
    onDrain() {
      heard.drains += 1
      on.onDrain?.()
    },
  }
  heard.sending = instance.dispatch(call, sink)
  hasReturned = true
  return heard
}

export function call(parts: Partial<BackendCall> = {}): BackendCall {
  return {
    method: 'POST',
    path: '/predict',
    fields: '',
    body: null,
    timeouts: { connectMs: 5_000, firstByteMs: 10_000, idleMs: 10_000 },
    ...parts,
  }
}
