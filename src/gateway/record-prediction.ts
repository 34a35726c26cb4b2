import type { EndpointSpec } from '../core/endpoint.ts'
import type { RawPrediction, Recorder } from '../ports/recorder.ts'
import { decodeAnswer, type ReadableAnswer } from './answer.ts'

/** Hands a prediction to the recorder once the bytes of its answer are plain. */
export function recordPrediction(
  recorder: Recorder,
  { answer: rule, protocol }: EndpointSpec,
  prediction: Omit<RawPrediction, 'raw'>,
  answer: ReadableAnswer | null,
): void {
  decodeAnswer(answer, body => {
    const readable = answer !== null && body !== null && rule !== null
    const { contentType = '', jsonBytes = null } = answer ?? {}
    recorder.record({ ...prediction, raw: readable ? { body, contentType, jsonBytes, rule, protocol } : null })
  })
}
