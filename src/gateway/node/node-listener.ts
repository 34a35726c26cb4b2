/**
 * All of HTTP that is not plain, by the hardened node:http server: every time and size is bounded, and whatever is malformed
 * gets an answer that says so. Its connections come from the listener on sockets, with what these have read of them.
 */
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { BodyMemory } from '../body-memory.ts'
import { shapeOf } from '../dialect.ts'
import { errorAnswer, sendError } from '../errors.ts'
import { attendHalfClosed } from '../half-closed.ts'
import { requestIdLine } from '../ids.ts'
import type { Visit } from '../inbound.ts'
import { callerLeft } from '../request-body.ts'
import { parseTarget } from '../target.ts'
import { offersUpgrade, type Refusal, refusalOf } from './admission.ts'
import { NodeInbound } from './node-inbound.ts'
import { NodeOutbound } from './node-outbound.ts'
import { Turns } from './turns.ts'

/** With what has been written to its socket. */
export type Taken = Duplex & { readonly bytesWritten: number }

export type NodeListener = {
  /** From now on the connection is served here. */
  take(connection: Taken): void
  /** Answers end their connections; idle ones are closed. */
  /** Connections that rest may have one more answer within `restMs`. */
  drain(options: { restMs: number }): void
  /** Cuts what is left. */
  close(): void
}

export type ListenerEvents = {
  visit(visit: Visit): void
  onError(error: CutoverError): void
  /** Makes ids of requests. */
  ids(): string
  /** Of bodies that are held whole. */
  readonly bodies: BodyMemory
}

export function createNodeListener({ visit, onError, ids, bodies }: ListenerEvents): NodeListener {
  const server = createServer({
    headersTimeout: limits.clientHeaderTimeoutMs,
    requestTimeout: limits.clientBodyTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: limits.headerBytesMax,
    insecureHTTPParser: false,
    // Checked by `refusalOf`, whose answer says what is wrong.
    requireHostHeader: false,
  })
  // Past a number of its own Node would drop fields in silence; `refusalOf` counts them instead.
  server.maxHeadersCount = 0
  // Who has ended its side may still read: `staysToRead` asks. Not in Node's types.
  Object.assign(server, { httpAllowHalfOpen: true })
  const turns = new WeakMap<Duplex, Turns>()
  const turnsOf = (connection: Duplex): Turns => {
    const known = turns.get(connection) ?? new Turns()
    turns.set(connection, known)
    return known
  }
  const state = { draining: false }
  const refuse = (to: Visit, error: CutoverError, status: number) => {
    onError(error)
    const shape = shapeOf(parseTarget(to.inbound.target))
    sendError(to.outbound, error, { shape, status, closes: true, lines: requestIdLine(to.inbound, ids) })
  }
  const serve = (req: IncomingMessage, res: ServerResponse, refusal: Refusal | null) => {
    const isLast = req.socket.readableEnded && turnsOf(req.socket).isLast
    if (state.draining || isLast || offersUpgrade(req)) res.shouldKeepAlive = false
    const visited = visitOf(req, res, bodies)
    if (refusal === null) visit(visited)
    else refuse(visited, refusal.error, refusal.status)
  }
  const accept = (req: IncomingMessage, res: ServerResponse) =>
    turnsOf(req.socket).take({ req, res, serve: () => serve(req, res, refusalOf(req)) })
  server.on('request', accept)
  server.on('checkContinue', accept)
  server.on('checkExpectation', (req, res) =>
    turnsOf(req.socket).take({ req, res, serve: () => serve(req, res, unknownExpectation) }),
  )
  server.on('connect', (_req, socket) => {
    onError(noTunnel())
    turnsOf(socket).atEnd(() => answerRaw(socket, noTunnel(), 501))
  })
  server.on('clientError', (error, socket) => onMalformed(error, socket, turnsOf(socket), onError))
  // It listens to nothing itself; this starts its clocks for headers and bodies, which a test holds.
  server.emit('listening')
  let sweep: NodeJS.Timeout | undefined
  let rest: NodeJS.Timeout | undefined
  return {
    take: connection => {
      server.emit('connection', connection)
      connection.once('end', () => staysToRead(connection, turnsOf(connection)))
    },
    drain: ({ restMs }) => {
      state.draining = true
      const closeResting = (): void => {
        server.closeIdleConnections()
        // Node closes idle connections once; those that get their answer later would stay open for their keep-alive time.
        sweep ??= setInterval(() => server.closeIdleConnections(), 20)
      }
      if (restMs === 0) closeResting()
      else rest = setTimeout(closeResting, restMs)
    },
    close: () => {
      clearTimeout(rest)
      clearInterval(sweep)
      server.closeAllConnections()
      server.emit('close')
    },
  }
}

function visitOf(req: IncomingMessage, res: ServerResponse, bodies: BodyMemory): Visit {
  const inbound = new NodeInbound(req, res, bodies)
  return { inbound, outbound: new NodeOutbound(req, res, inbound) }
}

/** Its last answer ends the connection. HTTP/1.0 knows nothing that could be asked: whoever ends its side there has left. */
function staysToRead(connection: Taken, turns: Turns): void {
  const { current } = turns
  if (current?.req.httpVersion === '1.0') connection.destroy()
  else if (current !== null && turns.isLast && !current.headersSent) current.shouldKeepAlive = false
  attendHalfClosed(connection, () => {
    const { current } = turns
    return current && { hasBegun: current.headersSent, sendInterim: () => current.writeContinue() }
  })
}

const unknownExpectation: Refusal = {
  status: 417,
  error: new CutoverError('invalid-request', 'the only expectation known here is 100-continue'),
}

function noTunnel(): CutoverError {
  return new CutoverError('invalid-request', 'this is a gateway to models; it opens no tunnels')
}

type ParseError = Error & { code?: string }

/**
 * What the parser could not read. The answers to what came whole before it are let through first; an answer whose own
 * request is malformed gives way.
 */
function onMalformed(failure: ParseError, socket: Duplex, turns: Turns, onError: (error: CutoverError) => void): void {
  if (!socket.writable || failure.code === 'ECONNRESET' || failure.code === 'EPIPE') {
    socket.destroy()
    return
  }
  const { status, detail } = describe(failure)
  const hasLeft = failure.code === 'HPE_INVALID_EOF_STATE'
  const error = hasLeft ? callerLeft() : new CutoverError('invalid-request', detail)
  onError(error)
  const { current } = turns
  if (current === null || current.req.complete) turns.atEnd(() => answerRaw(socket, error, status))
  // Without the end of its message, so that an answer that was not whole does not look so.
  else if (current.headersSent) socket.end(() => socket.destroy())
  else answerRaw(socket, error, status)
}

function describe(failure: ParseError): { status: number; detail: string } {
  switch (failure.code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, detail: `the header fields are longer than ${limits.headerBytesMax} bytes` }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, detail: lateRequest }
    default:
      return { status: 400, detail: `this is not HTTP/1.1: ${failure.message}` }
  }
}

export const lateRequest = `the request did not arrive in time: ${limits.clientHeaderTimeoutMs} ms for its header, ${limits.clientBodyTimeoutMs} ms for the whole`

/** An answer where there is no response object: straight on the connection, which ends with it. */
export function answerRaw(socket: Duplex, error: CutoverError, status: number): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { lines, body } = errorAnswer(error, 'problem', status)
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}content-length: ${body.length}\r\nconnection: close\r\n\r\n`
  socket.on('error', ignore)
  socket.end(Buffer.concat([Buffer.from(head, 'latin1'), body]), () => socket.destroy())
}

function ignore(): void {}
