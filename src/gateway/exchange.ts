/**
 * One request from its assignment to the last byte of its answer, and the record that is made of it. Whatever happens,
 * it is recorded exactly once: when the answer has been sent or the caller has gone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { bucketOf } from '../core/assign.ts'
import { publicName } from '../core/control-fleet.ts'
import { type CutoverError, statusByCode } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Payload } from '../core/prediction.ts'
import type { AskedFeatures, RawPrediction } from '../ports/recorder.ts'
import { type AnswerHead, readableAnswer } from './answer.ts'
import type { Choice } from './choose.ts'
import type { GatewayContext } from './context.ts'
import { type ErrorShape, sendError } from './errors.ts'
import { headerText, ownHeaders } from './headers.ts'
import type { CopySource } from './mirror/mirrors.ts'
import { recordPrediction } from './record-prediction.ts'
import { callerLeft } from './request-body.ts'
import { sentHead } from './sent-head.ts'
import { Tee } from './tee.ts'

export type Exchange = {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly choice: Choice
  /** Path and query as the model server gets them. */
  readonly path: string
  readonly predictionId: string
  readonly unit: string
  readonly shape: ErrorShape
  /** Aborts when the caller goes away or the gateway gives up. */
  readonly controller: AbortController
  readonly atMs: number
  /** `x-cutover-*` fields of the answer: name, value, name, value … */
  readonly ownFields: readonly string[]
  /** On the process's steady clock: last byte of the request, last byte of the answer. */
  requestEndedMs: number
  answerEndedMs: number | null
  status: number
  failed: boolean
  /** The answer is out or the caller is gone. */
  closed: boolean
  /** The gateway has told an error or cut the answer: what the backend says from then on is not heard. */
  gaveUp: boolean
  /** The body on its way to the backend, if it is streamed. */
  upload: Readable | null
  /** Copies; null where nobody needs one. */
  requestCopy: Tee | null
  payloadCopy: Tee | null
  answerCopy: Tee | null
  /** Of the answer's body, as far as the backend has sent it. */
  answerBytes: number
  answerHead: AnswerHead | null
  /** What copies for challengers need of the request; null where it is not copied. */
  readonly copySource: CopySource | null
}

export function openExchange(
  context: GatewayContext,
  opened: Pick<Exchange, 'req' | 'res' | 'choice' | 'path' | 'predictionId' | 'unit' | 'shape'>,
): Exchange {
  const { spec, payloadSeed } = opened.choice.route
  const sampled = spec.payloadSamplePpm > 0 && bucketOf(opened.unit, payloadSeed) < spec.payloadSamplePpm
  const exchange: Exchange = {
    ...opened,
    controller: new AbortController(),
    atMs: context.clock.nowMs(),
    ownFields: ownFields(opened.predictionId, opened.choice),
    requestEndedMs: performance.now(),
    answerEndedMs: null,
    status: 0,
    failed: false,
    closed: false,
    gaveUp: false,
    upload: null,
    requestCopy: sampled ? new Tee(limits.payloadBytesMax) : null,
    payloadCopy: sampled ? new Tee(limits.payloadBytesMax) : null,
    answerCopy: null,
    answerBytes: 0,
    answerHead: null,
    copySource: context.mirrors.begin(opened.choice, opened),
  }
  context.stats.opened(spec.name)
  opened.res.once('close', () => settle(context, exchange))
  return exchange
}

function ownFields(predictionId: string, { version, route }: Choice): string[] {
  return [
    ...[ownHeaders.predictionId, predictionId],
    ...[ownHeaders.version, publicName(version)],
    ...[ownHeaders.endpoint, route.spec.name],
  ]
}

/** Ends the exchange with an error: as an answer if none has begun, else by cutting the connection. */
export function failExchange(context: GatewayContext, exchange: Exchange, error: CutoverError): void {
  if (exchange.closed || exchange.gaveUp) return
  const { req, res, shape, ownFields } = exchange
  exchange.gaveUp = true
  exchange.upload?.destroy()
  exchange.controller.abort(error)
  exchange.answerEndedMs = performance.now()
  context.stats.error(error.code)
  if (res.headersSent) {
    context.stats.cut()
    exchange.failed = error.code !== 'body-too-large'
    cut(req, res)
    return
  }
  exchange.status = statusByCode[error.code]
  exchange.failed = exchange.status >= 500
  sendError({ req, res }, error, { shape, headers: ownFields })
}

/**
 * A broken answer must not look like a whole one. In HTTP/1.1 the missing end of the message tells; an HTTP/1.0 caller
 * takes any orderly end of the connection for the end of the answer, so it gets a reset.
 */
function cut(req: IncomingMessage, res: ServerResponse): void {
  if (req.httpVersion === '1.0') res.socket?.resetAndDestroy()
  res.destroy()
}

function settle(context: GatewayContext, exchange: Exchange): void {
  exchange.closed = true
  const { req, res, choice, answerCopy, answerHead, copySource } = exchange
  const sent = res.writableFinished
  if (!sent && !exchange.gaveUp) exchange.status = 0
  if (!sent || !req.complete) exchange.controller.abort(callerLeft())
  const { status, failed } = exchange
  const latencyMs = Math.max(0, (exchange.answerEndedMs ?? performance.now()) - exchange.requestEndedMs)
  const endpoint = choice.route.spec.name
  const version = publicName(choice.version)
  context.stats.closed({ endpoint, version, status })
  const prediction = predictionOf(exchange, latencyMs)
  try {
    context.observe({ endpoint, version, status, failed, latencyMs })
    recordPrediction(context.recorder, choice.route.spec, prediction, readableAnswer(answerCopy, answerHead))
  } catch (error) {
    context.logger.error({ err: error, endpoint }, 'a request could not be recorded')
  }
  if (copySource === null) return
  context.mirrors.send(copySource, choice.route, { champion: prediction, answerBytes: exchange.answerBytes })
}

function predictionOf(exchange: Exchange, latencyMs: number): Omit<RawPrediction, 'raw'> {
  const { choice } = exchange
  const { spec, table } = choice.route
  return {
    id: exchange.predictionId,
    endpoint: spec.name,
    epoch: table.epoch,
    release: table.release,
    unit: exchange.unit,
    assigned: choice.assigned,
    version: choice.version,
    propensity: choice.propensity,
    pinned: choice.pinned,
    ...(choice.byContext && { byContext: true as const }),
    ...(choice.read !== null && { read: choice.read }),
    atMs: exchange.atMs,
    latencyMs,
    status: exchange.status,
    failed: exchange.failed,
    payload: payloadOf(exchange),
    ...askedOf(exchange),
  }
}

function payloadOf({ req, path, requestCopy, payloadCopy }: Exchange): Payload | null {
  const request = requestCopy?.whole() ?? null
  const response = payloadCopy?.whole() ?? null
  if (request === null || response === null) return null
  const sent = sentHead(req, path)
  return sent === null ? { request, response } : { request, response, sent }
}

/** What is to be read of the request later, off the path. */
function askedOf({ req, choice, requestCopy }: Exchange): { asked?: AskedFeatures } {
  const { features } = choice.route.spec
  if (features === undefined || requestCopy === null || choice.read !== null) return {}
  const encoding = headerText(req, 'content-encoding')?.trim().toLowerCase() ?? 'identity'
  const length = headerText(req, 'inference-header-content-length')
  return { asked: { features, encoding, jsonBytes: length === undefined ? null : Number(length) } }
}
