import type { EndpointSpec } from '../core/endpoint.ts'
import type { Clock } from '../ports/clock.ts'
import type { RawPrediction, Recorder } from '../ports/recorder.ts'
import { answerBytes, decodeAnswer, type ReadableAnswer } from './answer.ts'

/** Hands predictions to the recorder once the bytes of their answers are plain. */
export class Predictions {
  readonly #recorder: Recorder
  /** Those whose answers are being unpacked. */
  #unpacking = 0
  readonly #onSettled: (() => void)[] = []

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  record(spec: EndpointSpec, prediction: RawPrediction, answer: ReadableAnswer | null): void {
    if (answer === null) {
      this.#recorder.record(prediction)
      return
    }
    this.#unpacking += 1
    decodeAnswer(answer, body => {
      this.#unpacking -= 1
      if (body !== null) prediction.raw = answerBytes(spec, answer, body)
      this.#recorder.record(prediction)
      if (this.#unpacking === 0) this.#tellSettled()
    })
  }

  /** Resolves when the recorder has all of them, at the latest after `waitMs`: what is unpacked later may be lost. */
  async settled(clock: Clock, waitMs: number): Promise<void> {
    if (this.#unpacking === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onSettled.push(resolve)
    const cancel = clock.every(waitMs, resolve)
    await promise
    cancel()
  }

  #tellSettled(): void {
    for (const settle of this.#onSettled.splice(0)) settle()
  }
}
