/**
 * The hardened node:http server: every time and size is bounded, whatever is malformed gets an answer that says so, and
 * closing lets requests in flight finish.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { refusalOf } from './admission.ts'
import { errorAnswer, sendError } from './errors.ts'
import { callerLeft } from './request-body.ts'
import { parseTarget, shapeOf } from './target.ts'

export type Listener = {
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>
  close(options: { drainMs: number }): Promise<void>
}

export type Handler = (req: IncomingMessage, res: ServerResponse) => void

export function createListener(handle: Handler, onError: (error: CutoverError) => void): Listener {
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
  const newest = new WeakMap<Duplex, ServerResponse>()
  const state = { closing: false }
  const accept: Handler = (req, res) => {
    newest.set(req.socket, res)
    res.on('error', ignore)
    if (state.closing) res.setHeader('connection', 'close')
    const refusal = refusalOf(req)
    if (refusal === null) handle(req, res)
    else refuse(req, res, refusal.error, refusal.status, onError)
  }
  server.on('request', accept)
  server.on('checkContinue', accept)
  server.on('checkExpectation', (req, res) => refuse(req, res, unknownExpectation(), 417, onError))
  server.on('connect', (_req, socket) => {
    onError(noTunnel())
    answerRaw(socket, noTunnel(), 501)
  })
  server.on('clientError', (error, socket) => onMalformed(error, socket, newest.get(socket), onError))
  return {
    listen: address => listen(server, address),
    close: options => {
      state.closing = true
      return close(server, options.drainMs)
    },
  }
}

function refuse(
  req: IncomingMessage,
  res: ServerResponse,
  error: CutoverError,
  status: number,
  onError: (error: CutoverError) => void,
): void {
  res.on('error', ignore)
  onError(error)
  sendError({ req, res }, error, { shape: shapeOf(parseTarget(req.url ?? '')), status, close: true })
}

function unknownExpectation(): CutoverError {
  return new CutoverError('invalid-request', 'the only expectation known here is 100-continue')
}

function noTunnel(): CutoverError {
  return new CutoverError('invalid-request', 'this is a gateway to models; it opens no tunnels')
}

type ParseError = Error & { code?: string }

/**
 * What the parser could not read. An answer that is under way on the connection is let through first, unless it is the
 * body of its own request that is malformed.
 */
function onMalformed(
  failure: ParseError,
  socket: Duplex,
  res: ServerResponse | undefined,
  onError: (error: CutoverError) => void,
): void {
  if (!socket.writable || failure.code === 'ECONNRESET' || failure.code === 'EPIPE') {
    socket.destroy()
    return
  }
  const { status, detail } = describe(failure)
  const hasLeft = failure.code === 'HPE_INVALID_EOF_STATE'
  const error = hasLeft ? callerLeft() : new CutoverError('invalid-request', detail)
  onError(error)
  const underWay = res !== undefined && !res.writableFinished && !res.destroyed
  if (!underWay) answerRaw(socket, error, status)
  else if (res.req.complete) res.once('close', () => answerRaw(socket, error, status))
  // Without the end of its message, so that an answer that was not whole does not look so.
  else if (res.headersSent) socket.end(() => socket.destroy())
  else answerRaw(socket, error, status)
}

function describe(failure: ParseError): { status: number; detail: string } {
  switch (failure.code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, detail: `the header fields are longer than ${limits.headerBytesMax} bytes` }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: 408,
        detail: `the request did not arrive in time: ${limits.clientHeaderTimeoutMs} ms for its header, ${limits.clientBodyTimeoutMs} ms for the whole`,
      }
    default:
      return { status: 400, detail: `this is not HTTP/1.1: ${failure.message}` }
  }
}

/** An answer where there is no response object: straight on the socket, which ends with it. */
function answerRaw(socket: Duplex, error: CutoverError, status: number): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const answer = errorAnswer(error, 'problem', status)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `content-type: ${answer.contentType}`,
    `content-length: ${answer.body.length}`,
    'connection: close',
  ]
  socket.on('error', ignore)
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), answer.body]), () => socket.destroy())
}

function listen(server: Server, address: { host: string; port: number }): Promise<{ host: string; port: number }> {
  const { host, port } = address
  return new Promise((resolve, reject) => {
    const onFailure = (error: NodeJS.ErrnoException) => reject(listenError(error, host, port))
    server.once('error', onFailure)
    server.listen({ host, port }, () => {
      server.off('error', onFailure)
      const bound = server.address()
      resolve({ host, port: bound !== null && typeof bound === 'object' ? bound.port : port })
    })
  })
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): CutoverError {
  if (error.code === 'EADDRINUSE') {
    const remedy = 'stop the server that holds it, or give the inference listener another port'
    return new CutoverError('port-in-use', `port ${port} on ${host} is in use; ${remedy}`, [], error)
  }
  const what = `the inference listener cannot listen on ${host} port ${port}: ${error.message}`
  return new CutoverError('invalid-resource', what, [], error)
}

/** Takes no new connection; those with requests in flight get `drainMs`, then they are cut. */
function close(server: Server, drainMs: number): Promise<void> {
  return new Promise(resolve => {
    if (!server.listening) {
      resolve()
      return
    }
    const deadline = setTimeout(() => server.closeAllConnections(), drainMs)
    // Node closes idle connections once; those that get their answer later would stay open for their keep-alive time.
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    server.close(() => {
      clearTimeout(deadline)
      clearInterval(sweep)
      resolve()
    })
  })
}

function ignore(): void {}
