/** One copy on its way to a challenger and back. It ends in time whatever the challenger does, and nobody waits for it. */
import { CutoverError, statusByCode } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Measures } from '../../core/measures.ts'
import type { AnswerSink, BackendCall, Instance, Sending } from '../../ports/backend.ts'
import { type AnswerHead, answerHead } from '../answer.ts'
import { readMeasures } from '../read-measures.ts'
import { Tee } from '../tee.ts'

export type ChallengerAnswer = {
  status: number
  failed: boolean
  latencyMs: number
  measures: Measures | null
  head: AnswerHead | null
  /** What can be kept of the body: all of it, or nothing. */
  body: Tee
}

/** What the challenger is asked, its body whole. */
export type Copy = BackendCall & { body: Uint8Array | null }

export type Bounds = {
  timeoutMs: number
  /** Of the answer: reading more would take from callers what the gateway has for them. */
  answerBytesMax: number
}

export type Asking = {
  /** Null if it was cancelled: then it tells nothing of the challenger. */
  readonly answer: Promise<ChallengerAnswer | null>
  cancel(): void
}

/** `instance` is null where the challenger has none that is ready, which is its failure. */
export function askChallenger(instance: Instance | null, copy: Copy, bounds: Bounds): Asking {
  const asking = new AskingOnce(bounds)
  if (instance === null) asking.fail(new CutoverError('not-ready', 'the challenger has no ready instance'))
  else asking.send(instance, copy)
  return asking
}

class AskingOnce implements Asking, AnswerSink {
  readonly answer: Promise<ChallengerAnswer | null>
  readonly #resolve: (answer: ChallengerAnswer | null) => void
  readonly #startedMs = performance.now()
  readonly #timer: NodeJS.Timeout
  readonly #body = new Tee(limits.answerBytesMax)
  readonly #answerBytesMax: number
  #sending: Sending | null = null
  #isOver = false
  #status = 0
  #head: AnswerHead | null = null
  #bytes = 0

  constructor({ timeoutMs, answerBytesMax }: Bounds) {
    this.#answerBytesMax = answerBytesMax
    const { promise, resolve } = Promise.withResolvers<ChallengerAnswer | null>()
    this.answer = promise
    this.#resolve = resolve
    this.#timer = setTimeout(() => {
      this.fail(new CutoverError('backend-timeout', `the challenger took longer than ${timeoutMs} ms`))
    }, timeoutMs)
  }

  send(instance: Instance, copy: Copy): void {
    try {
      this.#sending = instance.dispatch(copy, this)
    } catch (error) {
      this.fail(error)
    }
  }

  cancel(): void {
    this.#end(null, new CutoverError('client-closed', 'the copy is not wanted any more'))
  }

  fail(error: unknown): void {
    const known = error instanceof CutoverError ? error : brokenOff('the challenger broke off its answer')
    // Whoever has sent a status keeps it, as it would for a caller.
    const status = this.#status === 0 ? statusByCode[known.code] : this.#status
    const failed = this.#status !== 0 || status >= 500
    this.#end({ ...this.#facts(), status, failed }, known)
  }

  onHead(status: number, fields: string): void {
    this.#status = status
    this.#head = answerHead(status, fields)
  }

  onBody(chunk: Uint8Array): void {
    if (this.#isOver) return
    this.#bytes += chunk.length
    this.#body.add(chunk)
    if (this.#bytes > this.#answerBytesMax) this.fail(brokenOff('the answer has no end in sight'))
  }

  onEnd(): void {
    this.#body.end()
    const failed = this.#status >= 500 || this.#sending?.reading?.()?.failed === true
    this.#end({ ...this.#facts(), status: this.#status, failed }, null)
  }

  onFail(error: CutoverError): void {
    this.fail(error)
  }

  onDrain(): void {}

  #facts() {
    const latencyMs = performance.now() - this.#startedMs
    const measures = readMeasures(this.#sending, { requestEndedMs: this.#startedMs, latencyMs })
    return { latencyMs, measures, head: this.#head, body: this.#body }
  }

  /** Once: the first end counts. */
  #end(answer: ChallengerAnswer | null, cause: CutoverError | null): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    if (cause !== null) this.#sending?.cancel()
    this.#resolve(answer)
  }
}

function brokenOff(what: string): CutoverError {
  return new CutoverError('backend-failed', what)
}
