/** The caller's body: whole, as a stream with back-pressure, or dropped. Each way is bounded. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

export type BodyKind = 'none' | 'short' | 'long'

/** `short` has a stated length small enough to be taken whole; `long` is the rest, chunked bodies included. */
export function bodyKind(req: IncomingMessage): BodyKind {
  if (req.headers['transfer-encoding'] !== undefined) return 'long'
  const bytes = statedBytes(req)
  if (bytes === 0) return 'none'
  return bytes <= limits.wholeBodyBytesMax ? 'short' : 'long'
}

/** Whether the caller still waits for a `100 Continue` before it sends its body; HTTP/1.0 knows none. */
export function awaitsContinue(req: IncomingMessage): boolean {
  return req.httpVersion === '1.1' && req.headers.expect !== undefined && !req.complete
}

/** Asks for the body, if the caller waits to be asked. From then on it is on its way like any other. */
export function askForBody(req: IncomingMessage, res: ServerResponse): void {
  if (!awaitsContinue(req)) return
  delete req.headers.expect
  res.writeContinue()
}

function statedBytes(req: IncomingMessage): number {
  return Number(req.headers['content-length'] ?? 0)
}

/** Refuses a body by its stated length, before any of it is read. */
export function refuseStatedLength(req: IncomingMessage, bytesMax: number): void {
  if (statedBytes(req) > bytesMax) throw tooLarge(bytesMax)
}

export function tooLarge(bytesMax: number): CutoverError {
  return new CutoverError('body-too-large', `the body is longer than ${bytesMax} bytes, the most that is taken here`)
}

export function callerLeft(): CutoverError {
  return new CutoverError('client-closed', 'the caller closed the connection before its request was complete')
}

/** The whole body. Rejects with body-too-large as soon as it is, or client-closed. */
export function readWhole(req: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (act: () => void) => {
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      act()
    }
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(chunk)
      else settle(() => reject(tooLarge(bytesMax)))
    }
    const onEnd = () => settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    const onClose = () => settle(() => reject(callerLeft()))
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
}

/**
 * The body as a stream that a backend may read, abandon or destroy without harm to the caller's connection; handing on
 * the request itself would let a failing backend close it before the error is told.
 */
export function streamBody(
  req: IncomingMessage,
  options: { bytesMax: number; onChunk: (chunk: Buffer) => void; onEnd: () => void; onTooLarge: () => void },
): Readable {
  let bytes = 0
  const onData = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > options.bytesMax) {
      stream.destroy(tooLarge(options.bytesMax))
      options.onTooLarge()
      return
    }
    options.onChunk(chunk)
    if (!stream.push(chunk)) req.pause()
  }
  const onEnd = () => {
    options.onEnd()
    stream.push(null)
  }
  const onClose = () => {
    if (!req.complete) stream.destroy(callerLeft())
  }
  const stream = new Readable({
    read: () => {
      req.resume()
    },
    destroy: (error, done) => {
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      done(error)
    },
  })
  stream.on('error', ignore)
  req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  return stream
}

/** Reads and drops what is left of the body, up to the limits of lingering; calls `done` once, whatever comes first. */
export function dropBody(req: IncomingMessage, done: (complete: boolean) => void): void {
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
