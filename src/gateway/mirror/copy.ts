/** One copy on its way to a challenger and back. It ends in time whatever the challenger does, and nobody waits for it. */
import type { ReadAnswer } from '../../core/answer.ts'
import { CutoverError, statusByCode } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Measures } from '../../core/measures.ts'
import { shadowIdOf } from '../../core/prediction.ts'
import type { AnswerSink, BackendCall, Sending } from '../../ports/backend.ts'
import type { Clock } from '../../ports/clock.ts'
import type { RawPrediction } from '../../ports/recorder.ts'
import { type AnswerHead, answerHead, readAtOnce, readableAnswer } from '../answer.ts'
import type { GatewayLogger } from '../context.ts'
import { readMeasures } from '../read-measures.ts'
import type { Predictions } from '../record-prediction.ts'
import { Tee } from '../tee.ts'
import { beginCopyTrace, copiedTrace, copySpan, type Trace, type TracingOptions } from '../trace-context.ts'
import type { Challenger } from './challenger.ts'
import { copyFields } from './copy-fields.ts'
import type { DropReason } from './counters.ts'
import type { Original } from './original.ts'
import type { Timed, Underway } from './underway.ts'

export type CopyPorts = {
  predictions: Predictions
  clock: Clock
  logger: GatewayLogger
  /** Null where no spans are made. */
  tracing: TracingOptions | null
  underway: Underway
}

type Outcome = { status: number; failed: boolean }

export class Copy implements AnswerSink, Timed {
  readonly #ports: CopyPorts
  readonly #original: Original
  readonly #challenger: Challenger
  #atMs = 0
  #startedMs = 0
  dueMs = Number.POSITIVE_INFINITY
  place = -1
  #sending: Sending | null = null
  #trace: Trace | null = null
  #isOver = false
  #status = 0
  #head: AnswerHead | null = null
  #bytes = 0
  /** The answer as it was read while its bytes were there; null where it is still to be read, of what is kept of the body. */
  #answered: ReadAnswer | null = null
  #body: Tee | null

  constructor(ports: CopyPorts, original: Original, challenger: Challenger) {
    this.#ports = ports
    this.#original = original
    this.#challenger = challenger
    this.#body = original.keepsPayload ? new Tee(limits.answerBytesMax) : null
  }

  get bodyBytes(): number {
    return this.#original.bodyBytes
  }

  /** It is not sent. */
  drop(reason: DropReason): void {
    this.#challenger.counters.dropped(reason)
    this.#original.release()
  }

  /** A challenger that has no ready instance has failed. */
  start(): void {
    this.#atMs = this.#ports.clock.nowMs()
    this.#startedMs = performance.now()
    this.dueMs = this.#startedMs + this.#challenger.timeoutMs
    this.#ports.underway.add(this)
    const instance = this.#challenger.pick()
    if (instance === null) {
      this.#fail(new CutoverError('not-ready', 'the challenger has no ready instance'))
      return
    }
    try {
      this.#sending = instance.dispatch(this.#call(), this)
    } catch (error) {
      this.#fail(error)
    }
  }

  #call(): BackendCall {
    const { asked, champion } = this.#original
    const { version, timeouts } = this.#challenger
    this.#trace = beginCopyTrace(this.#ports.tracing, asked.fields)
    const fields = copyFields(copiedTrace(asked.fields, this.#trace), champion.id, version)
    const { method, path, isVetted, body } = asked
    return { method, path, fields, body, timeouts, isVetted }
  }

  expire(): void {
    const { timeoutMs } = this.#challenger
    this.#fail(new CutoverError('backend-timeout', `the challenger took longer than ${timeoutMs} ms`))
  }

  /** It is not wanted any more, and tells nothing of the challenger. */
  cancel(): void {
    if (!this.#ends()) return
    this.#sending?.cancel()
    this.drop('stopped')
    this.#challenger.ended()
  }

  onHead(status: number, fields: string): void {
    if (this.#isOver) return
    this.#status = status
    this.#head = this.#original.spec.answer === null ? null : answerHead(status, fields)
  }

  onBody(chunk: Uint8Array, isLast: boolean): void {
    if (this.#isOver) return
    const isWhole = isLast && this.#bytes === 0
    this.#bytes += chunk.length
    if (this.#bytes > this.#original.answerBytesMax) this.#fail(brokenOff('the answer has no end in sight'))
    else this.#note(chunk, isWhole)
  }

  /** What is short and came whole is read while its bytes are there; of all else that is wanted they are kept. */
  #note(chunk: Uint8Array, isWhole: boolean): void {
    const head = this.#head
    if (isWhole && head !== null) this.#answered = readAtOnce(this.#original.spec, head, chunk)
    if (this.#answered === null && head !== null) this.#body ??= new Tee(limits.answerBytesMax)
    this.#body?.add(chunk)
  }

  onEnd(): void {
    if (!this.#ends()) return
    this.#body?.end()
    const failed = this.#status >= 500 || this.#sending?.reading?.()?.failed === true
    this.#tell({ status: this.#status, failed })
  }

  onFail(error: CutoverError): void {
    this.#fail(error)
  }

  onDrain(): void {}

  /** Whoever has sent a status keeps it, as it would for a caller. */
  #fail(error: unknown): void {
    if (!this.#ends()) return
    this.#sending?.cancel()
    this.#answered = null
    const known = error instanceof CutoverError ? error : brokenOff('the challenger broke off its answer')
    const hasStatus = this.#status !== 0
    const status = hasStatus ? this.#status : statusByCode[known.code]
    this.#tell({ status, failed: hasStatus || status >= 500 })
  }

  /** Once: the first end counts. */
  #ends(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#ports.underway.remove(this)
    return true
  }

  #tell(outcome: Outcome): void {
    const latencyMs = performance.now() - this.#startedMs
    this.#challenger.counters.answered(outcome.failed)
    if (this.#trace !== null) this.#tellSpan(this.#trace, outcome, latencyMs)
    try {
      this.#record(outcome, latencyMs)
    } catch (error) {
      const { endpoint } = this.#challenger
      this.#ports.logger.error({ err: error, endpoint }, 'the answer to a copy could not be recorded')
    }
    this.#original.release()
    this.#challenger.ended()
  }

  #tellSpan(trace: Trace, { status, failed }: Outcome, latencyMs: number): void {
    const { endpoint, version } = this.#challenger
    const startMs = this.#atMs
    const endMs = startMs + latencyMs
    this.#ports.tracing?.spans.record(copySpan(trace, { endpoint, version, status, failed, startMs, endMs }))
  }

  #record(outcome: Outcome, latencyMs: number): void {
    const measures = readMeasures(this.#sending, { requestEndedMs: this.#startedMs, latencyMs })
    const prediction = this.#prediction(outcome, latencyMs, measures)
    if (this.#answered !== null) prediction.answered = this.#answered
    const readable = this.#answered === null ? readableAnswer(this.#body, this.#head) : null
    this.#ports.predictions.record(this.#original.spec, prediction, readable)
  }

  #prediction({ status, failed }: Outcome, latencyMs: number, measures: Measures | null): RawPrediction {
    const { champion } = this.#original
    const { version } = this.#challenger
    const prediction: RawPrediction = {
      id: shadowIdOf(champion.id, version),
      endpoint: champion.endpoint,
      epoch: champion.epoch,
      release: champion.release,
      unit: champion.unit,
      assigned: version,
      version,
      propensity: champion.propensity,
      pinned: champion.pinned,
      atMs: this.#atMs,
      latencyMs,
      status,
      failed,
      payload: this.#payload(),
      raw: null,
      shadowOf: champion.id,
    }
    if (champion.byContext !== undefined) prediction.byContext = champion.byContext
    if (champion.read !== undefined) prediction.read = champion.read
    if (measures !== null) prediction.measures = measures
    return prediction
  }

  #payload(): RawPrediction['payload'] {
    const { keepsPayload, asked } = this.#original
    const response = keepsPayload ? (this.#body?.whole() ?? null) : null
    return response === null ? null : { request: asked.body ?? new Uint8Array(), response }
  }
}

function brokenOff(what: string): CutoverError {
  return new CutoverError('backend-failed', what)
}
