/**
 * One request from its assignment to the last byte of its answer, and the record that is made of it. Whatever happens,
 * a prediction is recorded exactly once: when the answer has been sent or the caller has gone.
 */
import { performance } from 'node:perf_hooks'
import type { ReadAnswer } from '../core/answer.ts'
import { bucketOf } from '../core/assign.ts'
import { publicName } from '../core/control-fleet.ts'
import type { Timeouts } from '../core/endpoint.ts'
import { CutoverError, type ErrorCode, statusByCode } from '../core/errors.ts'
import { fieldOf } from '../core/http/field-lines.ts'
import { limits } from '../core/limits.ts'
import type { Measures } from '../core/measures.ts'
import { type ConcurrencyPolicy, defaultRetry, mayRepeat, tellsOfTrouble } from '../core/resilience.ts'
import type { AnswerSink, Instance, Sending } from '../ports/backend.ts'
import type { RawPrediction } from '../ports/recorder.ts'
import { type AnswerHead, answerHead, readAtOnce, readableAnswer } from './answer.ts'
import { type Choice, pick } from './choose.ts'
import type { GatewayContext } from './context.ts'
import { type Deadline, timeoutsWithin } from './deadline.ts'
import { type ErrorShape, sendError } from './errors.ts'
import { requestFields } from './headers.ts'
import type { BodyReader, Inbound, Outbound, OutboundWatcher } from './inbound.ts'
import type { CopySource } from './mirror/mirrors.ts'
import { asksForPrediction, predictionOf } from './prediction-of.ts'
import { readMeasures } from './read-measures.ts'
import { crowded, noLongerReady, nothingReady } from './refusals.ts'
import type { VersionGate, Waiter } from './resilience/version-gate.ts'
import type { CompiledRoute } from './route.ts'
import { Tee } from './tee.ts'
import { beginTrace, spansOf, type Trace } from './trace-context.ts'

export type Opened = {
  inbound: Inbound
  outbound: Outbound
  choice: Choice
  /** Path and query as the model server gets them. */
  path: string
  predictionId: string
  unit: string
  shape: ErrorShape
  /** Null where the caller states none. */
  deadline: Deadline | null
  /** Who follows the answer has to go where it was made; null where nothing follows. */
  remembers: { conversation: string | null } | null
}

/** With less than this left a call is not made again: timers count whole milliseconds, and may be early by one. */
const leastCallMs = 2

export class Exchange implements AnswerSink, OutboundWatcher, BodyReader, Waiter {
  readonly opened: Opened
  readonly atMs: number
  readonly #context: GatewayContext
  /** On the process's steady clock: last byte of the request, last byte of the answer. */
  #requestEndedMs = performance.now()
  #answerEndedMs: number | null = null
  #status = 0
  #failed = false
  /** The answer is out or the caller is gone. */
  #isClosed = false
  /** An error has been told or the answer cut: what the backend says from then on is not heard. */
  #gaveUp = false
  #sending: Sending | null = null
  /** The body is on its way to the backend piece by piece. */
  #isUploading = false
  /** Copies; null where nobody needs one. */
  readonly #requestCopy: Tee | null
  readonly #payloadCopy: Tee | null
  #answerCopy: Tee | null = null
  /** Of the answer's body, as far as the backend has sent it. */
  #answerBytes = 0
  #answerHead: AnswerHead | null = null
  #answered: ReadAnswer | null = null
  readonly #isPrediction: boolean
  /** What copies for challengers need of the request; null where it is not copied. */
  readonly #copySource: CopySource | null
  #stall: NodeJS.Timeout | undefined
  /** Whole; null for none, and for one that is streamed, which cannot be sent twice. */
  #body: Buffer | null = null
  #attempts = 0
  /** The breaker's number for the present call; 0 for one like any other. */
  #trial = 0
  #instance: Instance | null = null
  readonly #trace: Trace | null
  #calledMs: number | null = null
  /** Counted among those that the process is answering. */
  #isCounted = false
  /** The version's, once this is inside or waits before it. */
  #gate: VersionGate | null = null

  constructor(context: GatewayContext, opened: Opened) {
    this.#context = context
    this.opened = opened
    this.atMs = context.clock.nowMs()
    const { spec, payloadSeed, payloadSamplePpm } = opened.choice.route
    const isKept = payloadSamplePpm > 0 && bucketOf(opened.unit, payloadSeed) < payloadSamplePpm
    this.#requestCopy = isKept ? new Tee(limits.payloadBytesMax) : null
    this.#payloadCopy = isKept ? new Tee(limits.payloadBytesMax) : null
    this.#isPrediction = asksForPrediction(opened.inbound.method)
    this.#copySource = this.#isPrediction ? context.mirrors.begin(opened.choice, opened) : null
    this.#trace = beginTrace(context.tracing, opened.inbound)
    context.stats.opened(spec.name)
    opened.outbound.watch(this)
  }

  /** Asks the chosen instance once there is room. `body` is null for none, and for one that is to be streamed. */
  ask(body: Buffer | null): void {
    const { guards } = this.#context
    const { route, assigned, version, instance } = this.opened.choice
    const { spec, table } = route
    this.#body = body
    this.#isCounted = guards.begin(assigned === table.stable ? 'stable' : 'candidate')
    if (!this.#isCounted) {
      this.fail(new CutoverError('overloaded', 'the gateway is answering as many requests as it can'))
      return
    }
    guards.onRequest(spec.name, (spec.retry ?? defaultRetry).budgetPpm)
    // What nobody can answer has no turn to wait for.
    if (spec.concurrency === undefined || instance === null) this.#attempt(instance)
    else this.#askGate(guards.gate(spec.name, version), spec.concurrency)
  }

  #askGate(gate: VersionGate, concurrency: ConcurrencyPolicy): void {
    const { choice } = this.opened
    switch (gate.ask(concurrency, this, this.#leftMs)) {
      case 'in':
        this.#gate = gate
        this.#attempt(choice.instance)
        return
      case 'waits':
        this.#gate = gate
        return
      case 'full':
        this.fail(crowded(choice, `${concurrency.queueMax} requests wait for it already`))
        return
    }
  }

  /** Its turn has come. Fleets change while one waits: the instance of then may have ended. */
  enter(): void {
    const { choice } = this.opened
    const instance = pick(this.#context, choice.route.spec, choice.version)
    if (instance === null) this.fail(noLongerReady(choice))
    else this.#attempt(instance)
  }

  /** It has waited before the version's gate for as long as it may. */
  expire(outOf: 'wait' | 'time'): void {
    this.#gate = null
    const { choice } = this.opened
    if (outOf === 'time') this.fail(crowded(choice, 'its time was over before its turn came', 'backend-timeout'))
    else this.fail(crowded(choice, `it did not get its turn within ${choice.route.spec.concurrency?.waitMs} ms`))
  }

  /** Until the caller's deadline or the endpoint's `total` is over, whatever that time was spent on; infinite where neither is stated. */
  get #leftMs(): number {
    const { deadline, choice } = this.opened
    const { totalMs } = choice.route.spec.timeouts
    if (deadline === null && totalMs === undefined) return Number.POSITIVE_INFINITY
    // When the exchange began, since nobody asks once a body streams.
    const endMs = totalMs === undefined ? Number.POSITIVE_INFINITY : this.#requestEndedMs + totalMs
    return Math.min(endMs, deadline?.atMs ?? endMs) - performance.now()
  }

  get #timeouts(): Timeouts {
    const { deadline, choice } = this.opened
    const { timeouts } = choice.route.spec
    const isAtItsBeginning = this.#attempts === 1 && this.#gate === null
    if (deadline === null && (timeouts.totalMs === undefined || isAtItsBeginning)) return timeouts
    return timeoutsWithin(this.#leftMs, timeouts)
  }

  #attempt(instance: Instance | null): void {
    const { choice } = this.opened
    if (instance === null) {
      this.fail(nothingReady(choice, this.#context.guards.lets(choice.route.spec, choice.assigned)))
      return
    }
    this.#attempts += 1
    this.#trial = this.#context.guards.begins(choice.route.spec, choice.version)
    this.#instance = instance
    if (this.#trace !== null) this.#calledMs ??= this.#context.clock.nowMs()
    try {
      this.#send(instance)
    } catch (thrown) {
      this.fail(this.#instanceFault(thrown))
    }
  }

  #send(instance: Instance): void {
    const { inbound, predictionId, path, choice, deadline } = this.opened
    const { spec } = choice.route
    const body = this.#body
    const fields = requestFields(inbound, { predictionId, deadline, trace: this.#trace })
    const { method, isVetted } = inbound
    const streams = body === null && inbound.bodyKind !== 'none'
    if (this.#attempts === 1) this.#noteRequest(fields, body, streams)
    const sent = streams ? { bytes: inbound.statedBytes } : body
    this.#sending = instance.dispatch({ method, path, fields, body: sent, timeouts: this.#timeouts, isVetted }, this)
    if (!streams) return
    this.#isUploading = true
    inbound.readBody(this, spec.bodyBytesMax)
  }

  /** Makes the call again, elsewhere if there is an elsewhere; false if that must not be, or nobody would wait for it. */
  #repeats(failure: ErrorCode | number): boolean {
    const { inbound, choice } = this.opened
    const { spec } = choice.route
    const isWhole = this.#body !== null || inbound.bodyKind === 'none'
    const { method } = inbound
    if (!isWhole || !mayRepeat(spec.retry ?? defaultRetry, { method, attempts: this.#attempts, failure })) return false
    if (this.#leftMs < leastCallMs) return false
    const instance = pick(this.#context, spec, choice.version)
    if (instance === null || !this.#context.guards.mayRetry(spec.name)) return false
    this.#sending?.cancel()
    this.#attempt(instance)
    return true
  }

  #noteRequest(fields: string, body: Buffer | null, streams: boolean): void {
    const copy = this.#requestCopy
    const source = this.#copySource
    if (body !== null) copy?.add(body)
    if (!streams) copy?.end()
    if (source === null) return
    source.fields = fields
    source.hasBody = body !== null || streams
    if (body !== null) source.body.share(body)
    if (!streams) source.body.end()
  }

  onBodyChunk(chunk: Buffer): void {
    if (!this.#isUploading) return
    this.#requestCopy?.add(chunk)
    this.#copySource?.body.add(chunk)
    if (this.#sending?.write(chunk) === false) this.opened.inbound.pauseBody()
  }

  onBodyEnd(): void {
    if (!this.#isUploading) return
    this.#isUploading = false
    this.#requestEndedMs = performance.now()
    this.#requestCopy?.end()
    this.#copySource?.body.end()
    this.#sending?.end()
  }

  onBodyFail(error: CutoverError): void {
    if (!this.#isUploading) return
    // Who has left gets no answer; that it left is told by the way back.
    if (error.code !== 'client-closed') this.fail(error)
  }

  /** The backend takes more of the caller's body. */
  onDrain(): void {
    if (this.#isUploading) this.opened.inbound.resumeBody()
  }

  onHead(status: number, fields: string, bodyBytes: number | null): void {
    if (this.#isOver) return
    const { outbound, choice } = this.opened
    this.#tellBreaker(!tellsOfTrouble(status))
    if (status >= 500 && this.#repeats(status)) return
    try {
      outbound.begin(status, fields, status === 204 ? null : bodyBytes, this.#ownLines(fields))
    } catch (cause) {
      this.fail(
        new CutoverError('backend-failed', 'the model server answered with what HTTP does not allow', [], cause),
      )
      return
    }
    this.#status = status
    if (choice.route.spec.answer !== null) this.#answerHead = answerHead(status, fields)
  }

  onBody(chunk: Uint8Array, isLast: boolean): void {
    if (this.#isOver) return
    if (this.#answerHead !== null) this.#noteAnswer(this.#answerHead, chunk, isLast)
    this.#answerBytes += chunk.length
    this.#payloadCopy?.add(chunk)
    const { outbound, choice } = this.opened
    if (this.#handOn(chunk) || this.#isClosed) return
    this.#sending?.pause()
    this.#stall ??= this.#awaitTaking(outbound, choice.route.spec.timeouts.idleMs)
  }

  /** An answer that is too long for its caller is the version's failure: nobody left. */
  #handOn(chunk: Uint8Array): boolean {
    try {
      return this.opened.outbound.write(chunk)
    } catch (thrown) {
      this.fail(this.#instanceFault(thrown))
      return true
    }
  }

  /**
   * A caller that takes next to nothing for so long holds a connection of the model server: it is taken for gone. One that
   * reads an answer in one piece is told by what the network takes, since all of it has to leave before the drain is told.
   */
  #awaitTaking(outbound: Outbound, idleMs: number): NodeJS.Timeout {
    const before = outbound.takenBytes
    return setTimeout(() => {
      if (outbound.takenBytes - before < limits.answerBufferBytesMax) outbound.cut()
      else this.#stall = this.#awaitTaking(outbound, idleMs)
    }, idleMs)
  }

  /** What is short and came whole is read while its bytes are there; all else is copied, and read beside the path. */
  #noteAnswer(head: AnswerHead, chunk: Uint8Array, isLast: boolean): void {
    const isWhole = isLast && this.#answerBytes === 0
    if (isWhole) this.#answered = readAtOnce(this.opened.choice.route.spec, head, chunk)
    if (this.#answered !== null) return
    this.#answerCopy ??= new Tee(limits.answerBytesMax)
    this.#answerCopy.add(chunk)
  }

  onAnswerDrain(): void {
    clearTimeout(this.#stall)
    this.#stall = undefined
    this.#sending?.resume()
  }

  /** The model server is done; that it said so with a status of 500 or more is its failure all the same. */
  onEnd(): void {
    if (this.#isOver) return
    this.#answerCopy?.end()
    this.#payloadCopy?.end()
    this.#answerEndedMs = performance.now()
    // A stream may tell of its failure after it began well.
    this.#failed = this.#status >= 500 || this.#sending?.reading?.()?.failed === true
    // Before the caller has the end of it: the next request may come at once.
    if (this.opened.remembers !== null) this.#remember(this.opened.remembers)
    try {
      this.opened.outbound.end()
    } catch (thrown) {
      // What is translated whole, as for gRPC, may turn out at its end not to be of the protocol.
      this.fail(this.#instanceFault(thrown))
    }
  }

  #remember({ conversation }: NonNullable<Opened['remembers']>): void {
    const { choice, unit } = this.opened
    const answer = this.#sending?.reading?.()?.responseId ?? null
    for (const id of [answer, conversation]) {
      if (id === null || this.#failed) continue
      this.#context.conversations.remember(choice.route.spec.name, id, { unit, version: choice.version })
    }
  }

  onFail(error: CutoverError): void {
    if (this.#isOver) return
    const { outbound } = this.opened
    if (isServersFault(error.code)) this.#tellBreaker(false)
    if (!outbound.hasBegun && this.#status === 0 && this.#repeats(error.code)) return
    this.fail(error)
  }

  #tellBreaker(ok: boolean): void {
    const { route, version } = this.opened.choice
    this.#context.guards.heard(route.spec, version, ok, this.#trial)
  }

  get #isOver(): boolean {
    return this.#isClosed || this.#gaveUp
  }

  /** Ends the exchange with an error: as an answer if none has begun, else by cutting the connection. */
  fail(error: CutoverError): void {
    if (this.#isOver) return
    const { outbound, shape } = this.opened
    this.#gaveUp = true
    this.#isUploading = false
    this.#sending?.cancel()
    this.#answerEndedMs = performance.now()
    this.#context.stats.error(error.code)
    if (outbound.hasBegun) {
      this.#context.stats.cut()
      this.#failed = error.code !== 'body-too-large'
      outbound.cut()
      return
    }
    this.#status = statusByCode[error.code]
    this.#failed = this.#status >= 500
    sendError(outbound, error, { shape, lines: this.#ownLines('') })
  }

  /** Clients in OpenAI's style show a request's id, which is the provider's where it has one. */
  #ownLines(fields: string): string {
    const { choice, predictionId, shape } = this.opened
    const lines = ownLines(predictionId, choice)
    const lacksId = shape === 'openai' && fieldOf(fields, 'x-request-id') === undefined
    return lacksId ? `${lines}x-request-id: ${predictionId}\r\n` : lines
  }

  /** Instances fail with a `CutoverError`; anything else is a fault in one of them, and the version's failure. */
  #instanceFault(thrown: unknown): CutoverError {
    if (thrown instanceof CutoverError) return thrown
    const { version, route } = this.opened.choice
    const endpoint = route.spec.name
    this.#context.logger.error({ err: thrown, endpoint, version }, 'an instance failed')
    const detail = `version ${publicName(version)} of endpoint ${endpoint} failed`
    return new CutoverError('backend-failed', detail, [], thrown)
  }

  onAnswerClosed(isSent: boolean): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#stall)
    if (this.#isCounted) this.#context.guards.end()
    if (this.#gate?.giveUp(this) === false) this.#gate.leave()
    if (!isSent && !this.#gaveUp) this.#status = 0
    if (!isSent || this.#isUploading) this.#sending?.cancel()
    this.#isUploading = false
    this.#record()
  }

  #tellSpans(trace: Trace, status: number, failed: boolean): void {
    const { inbound, choice, predictionId } = this.opened
    const { spec, table } = choice.route
    const spans = spansOf(trace, {
      endpoint: spec.name,
      version: publicName(choice.version),
      method: inbound.method,
      ...{ status, failed, predictionId, release: table.release },
      instance: this.#instance?.id ?? null,
      startMs: this.atMs,
      calledMs: this.#calledMs,
      endMs: this.#context.clock.nowMs(),
    })
    for (const span of spans) this.#context.tracing?.spans.record(span)
  }

  #record(): void {
    const { choice } = this.opened
    const latencyMs = Math.max(0, (this.#answerEndedMs ?? performance.now()) - this.#requestEndedMs)
    const status = this.#status
    const failed = this.#failed
    const { spec } = choice.route
    const endpoint = spec.name
    const version = publicName(choice.version)
    const context = this.#context
    context.stats.closed(endpoint, version, status)
    const measures = readMeasures(this.#sending, { requestEndedMs: this.#requestEndedMs, latencyMs })
    const source = this.#copySource
    const isRecorded = this.#isPrediction && spec.recording !== 'off'
    const prediction = isRecorded || source !== null ? this.#prediction({ latencyMs, measures }) : null
    try {
      context.observe({ endpoint, version, status, failed, latencyMs, measures })
      if (isRecorded && prediction !== null)
        context.predictions.record(spec, prediction, readableAnswer(this.#answerCopy, this.#answerHead))
    } catch (error) {
      context.logger.error({ err: error, endpoint }, 'a request could not be recorded')
    }
    if (this.#trace !== null) this.#tellSpans(this.#trace, status, failed)
    if (source === null || prediction === null) return
    context.mirrors.send(source, choice.route, { champion: prediction, answerBytes: this.#answerBytes })
  }

  #prediction({ latencyMs, measures }: { latencyMs: number; measures: Measures | null }): RawPrediction {
    const finish = { atMs: this.atMs, latencyMs, status: this.#status, failed: this.#failed, measures }
    const bodies = { request: this.#requestCopy, response: this.#payloadCopy }
    const prediction = predictionOf(this.opened, finish, bodies)
    if (this.#answered !== null) prediction.answered = this.#answered
    return prediction
  }
}

function ownLines(predictionId: string, { version, route }: Choice): string {
  return `x-cutover-prediction-id: ${predictionId}\r\n${servedBy(route, version)}`
}

function servedBy({ spec, servedBy }: CompiledRoute, version: string): string {
  const known = servedBy.get(version)
  if (known !== undefined) return known
  const lines = `x-cutover-version: ${publicName(version)}\r\nx-cutover-endpoint: ${spec.name}\r\n`
  servedBy.set(version, lines)
  return lines
}

function isServersFault(code: ErrorCode): boolean {
  return code === 'backend-unreachable' || code === 'backend-failed' || code === 'backend-timeout'
}
