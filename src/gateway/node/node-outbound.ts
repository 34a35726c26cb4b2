/** The answer to a request that node:http has read. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fieldPairs } from '../../core/http/field-lines.ts'
import { limits } from '../../core/limits.ts'
import type { Outbound, OutboundWatcher } from '../inbound.ts'
import { HandedOver } from '../sockets/handed-over.ts'
import { awaitsContinue, type NodeInbound } from './node-inbound.ts'

export class NodeOutbound implements Outbound {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #inbound: NodeInbound
  #watcher: OutboundWatcher | null = null
  #hasBody = false

  constructor(req: IncomingMessage, res: ServerResponse, inbound: NodeInbound) {
    this.#req = req
    this.#res = res
    this.#inbound = inbound
    res.on('error', ignore)
    res.on('drain', () => this.#watcher?.onAnswerDrain())
    res.once('close', () => this.#watcher?.onAnswerClosed(res.writableFinished))
  }

  get hasBegun(): boolean {
    return this.#res.headersSent
  }

  get isClosed(): boolean {
    return this.#res.destroyed || this.#res.closed
  }

  get takenBytes(): number {
    const { socket } = this.#res
    return socket instanceof HandedOver ? socket.takenBytes : 0
  }

  watch(watcher: OutboundWatcher): void {
    this.#watcher = watcher
  }

  /** Throws for what HTTP does not allow. */
  begin(status: number, lines: string, bodyBytes: number | null, ownLines = ''): void {
    const res = this.#res
    const pairs = fieldPairs(lines + ownLines)
    if (bodyBytes !== null) pairs.push('content-length', String(bodyBytes))
    res.writeHead(status, pairs)
    res.once('finish', () => this.#leaveBody())
    setImmediate(() => {
      // A stream of events may be long in coming.
      if (!this.#hasBody && !res.destroyed && !res.writableEnded) res.flushHeaders()
    })
  }

  write(chunk: Uint8Array): boolean {
    const isFirst = !this.#hasBody
    this.#hasBody = true
    return isFirst ? this.#res.write(...beside(chunk)) : this.#res.write(Buffer.from(chunk))
  }

  end(): void {
    this.#res.end()
  }

  answer(status: number, lines: string, body: Buffer, closes: boolean): void {
    const req = this.#req
    const res = this.#res
    const mustClose = closes || !isShortToRead(req)
    const pairs = [...fieldPairs(lines), 'content-length', String(body.length)]
    // Told to the caller by Node, and to whoever has sent more requests on the connection.
    if (mustClose) res.shouldKeepAlive = false
    res.writeHead(status, pairs)
    this.#inbound.abandonBody()
    if (req.complete || !mustClose || awaitsContinue(req)) {
      // Reading may have been paused for a model server that took no more: the rest would be waited for, and the next request.
      if (!mustClose) res.once('finish', () => this.#leaveBody())
      res.end(body)
      return
    }
    // The length is stated, so the caller has the whole answer before the connection ends.
    res.write(body)
    dropBody(req, () => res.end())
  }

  /** HTTP/1.0 takes any orderly end of the connection for the end of the answer, so it gets a reset. */
  cut(): void {
    if (this.#req.httpVersion === '1.0') this.#res.socket?.resetAndDestroy()
    this.#res.destroy()
  }

  /** The answer is out and the request is not in: its rest is dropped, within bounds. */
  #leaveBody(): void {
    const req = this.#req
    if (req.complete) return
    this.#inbound.abandonBody()
    dropBody(req, isComplete => isComplete || req.socket.destroy())
  }
}

/**
 * A short text in Latin-1 has the bytes that it was made of, and Node writes it together with the header in one system
 * call; a buffer would cost a second part, and a third of the time of a small answer.
 */
function beside(body: Uint8Array): [Uint8Array | string, 'latin1'] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  return [body.length > besideBytesMax ? Buffer.from(bytes) : bytes.toString('latin1'), 'latin1']
}

const besideBytesMax = 16 * 1024

/** Whether what is left of the body may simply be read and dropped. A caller that waits for a 100 may never send it. */
function isShortToRead(req: IncomingMessage): boolean {
  if (req.complete) return true
  if (awaitsContinue(req) || req.headers['transfer-encoding'] !== undefined) return false
  return Number(req.headers['content-length'] ?? 0) <= limits.lingerBytesMax
}

/** Reads and drops what is left of the body, up to the limits of lingering; calls `done` once, whatever comes first. */
function dropBody(req: IncomingMessage, done: (complete: boolean) => void): void {
  let bytes = 0
  const finish = () => {
    clearTimeout(timer)
    req.off('data', onData).off('end', finish).off('close', finish).off('error', finish)
    done(req.complete)
  }
  const onData = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > limits.lingerBytesMax) finish()
  }
  const timer = setTimeout(finish, limits.lingerMs)
  req.on('data', onData).on('end', finish).on('close', finish).on('error', finish)
  req.resume()
}

function ignore(): void {}
