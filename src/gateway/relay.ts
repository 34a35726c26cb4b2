/** The answer on its way to the caller: streamed with back-pressure, unbuffered, cut if it breaks off. */
import type { Readable } from 'node:stream'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { BackendResponse } from '../ports/backend.ts'
import { answerHead } from './answer.ts'
import type { GatewayContext } from './context.ts'
import { type Exchange, failExchange } from './exchange.ts'
import { answerHeaders } from './headers.ts'
import { dropBody } from './request-body.ts'
import { Tee } from './tee.ts'

/** Throws backend-failed for an answer that cannot be passed on. */
export function relay(context: GatewayContext, exchange: Exchange, answer: BackendResponse): void {
  const { res, req } = exchange
  const { body } = answer
  if (exchange.closed || exchange.gaveUp) {
    discard(body)
    return
  }
  const whole = body instanceof Uint8Array ? body : null
  try {
    begin(exchange, answer, whole)
  } catch (error) {
    discard(body)
    throw error
  }
  res.once('finish', () => {
    if (req.complete) return
    exchange.upload?.destroy()
    dropBody(req, isComplete => isComplete || req.socket.destroy())
  })
  if (whole !== null) sendWhole(exchange, whole)
  else sendStream(context, exchange, body as Readable)
}

function discard(body: Readable | Uint8Array): void {
  if (body instanceof Uint8Array) return
  body.on('error', ignore)
  body.destroy()
}

function begin(exchange: Exchange, answer: BackendResponse, whole: Uint8Array | null): void {
  const { res, req, ownFields, choice } = exchange
  const { status } = answer
  if (!Number.isInteger(status) || status < 200 || status > 599) throw unusable(`the status ${status}`)
  const bytes = whole === null || req.method === 'HEAD' || status === 304 ? null : whole.length
  try {
    res.writeHead(status, answerHeaders(answer.headers, ownFields, { status, bytes }))
  } catch (cause) {
    throw unusable('header fields that HTTP does not allow', cause)
  }
  exchange.status = status
  exchange.answerHead = choice.route.spec.answer === null ? null : answerHead(status, answer.headers)
  if (exchange.answerHead !== null) exchange.answerCopy = new Tee(limits.answerBytesMax)
}

function unusable(what: string, cause?: unknown): CutoverError {
  return new CutoverError('backend-failed', `the model server answered with ${what}`, [], cause)
}

function sendWhole(exchange: Exchange, body: Uint8Array): void {
  copy(exchange, body)
  finish(exchange)
  exchange.res.end(...beside(body))
}

/**
 * A short text in Latin-1 has the bytes that it was made of, and Node writes it together with the header in one system
 * call; a buffer would cost a second part, and a third of the time of a small answer.
 */
function beside(body: Uint8Array): [Uint8Array | string, 'latin1'] {
  if (body.length > besideBytesMax) return [body, 'latin1']
  return [Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'), 'latin1']
}

const besideBytesMax = 16 * 1024

function copy(exchange: Exchange, chunk: Uint8Array): void {
  exchange.answerBytes += chunk.length
  exchange.answerCopy?.add(chunk)
  exchange.payloadCopy?.add(chunk)
}

/** The model server is done; that it said so with a status of 500 or more is its failure all the same. */
function finish(exchange: Exchange): void {
  exchange.answerCopy?.end()
  exchange.payloadCopy?.end()
  exchange.answerEndedMs = performance.now()
  exchange.failed = exchange.status >= 500
}

function sendStream(context: GatewayContext, exchange: Exchange, body: Readable): void {
  const { res, choice } = exchange
  const { idleMs } = choice.route.spec.timeouts
  let begun = false
  let ended = false
  let stall: NodeJS.Timeout | undefined
  const breakOff = (error: unknown) => {
    if (!ended) failExchange(context, exchange, brokenOff(error))
  }
  body.on('data', (chunk: Buffer) => {
    copy(exchange, chunk)
    const flows = begun ? res.write(chunk) : res.write(...beside(chunk))
    begun = true
    if (flows || exchange.closed) return
    body.pause()
    // A caller that takes nothing for so long holds a connection of the model server: it is taken for gone.
    stall = setTimeout(() => res.destroy(), idleMs)
  })
  body.on('end', () => {
    ended = true
    finish(exchange)
    res.end()
  })
  body.on('error', breakOff)
  body.on('close', () => breakOff(undefined))
  res.on('drain', () => {
    clearTimeout(stall)
    body.resume()
  })
  res.once('close', () => {
    clearTimeout(stall)
    body.destroy()
  })
  flushSoon(exchange, body)
}

/** Headers go out with the first bytes if these are at hand, else at once: a stream of events may be long in coming. */
function flushSoon({ res }: Exchange, body: Readable): void {
  setImmediate(() => {
    if (!res.destroyed && !body.readableEnded) res.flushHeaders()
  })
}

function brokenOff(error: unknown): CutoverError {
  if (error instanceof CutoverError) return error
  return new CutoverError('backend-failed', 'the model server broke off its answer', [], error)
}

function ignore(): void {}
