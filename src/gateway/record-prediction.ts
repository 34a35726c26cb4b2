import type { EndpointSpec } from '../core/endpoint.ts'
import type { RawPrediction, Recorder } from '../ports/recorder.ts'
import { answerBytes, decodeAnswer, type ReadableAnswer } from './answer.ts'

/** Hands a prediction to the recorder once the bytes of its answer are plain. */
export function recordPrediction(
  recorder: Recorder,
  spec: EndpointSpec,
  prediction: RawPrediction,
  answer: ReadableAnswer | null,
): void {
  if (answer === null) {
    recorder.record(prediction)
    return
  }
  decodeAnswer(answer, body => {
    if (body !== null) prediction.raw = answerBytes(spec, answer, body)
    recorder.record(prediction)
  })
}
