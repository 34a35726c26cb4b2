/** Messages of `ModelInfer` as proto-loader reads and writes them: integers of 64 bits as text. */
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { rangeOf, walkFields } from './wire.ts'

export type ParameterMessage = {
  parameter_choice?: string
  bool_param?: boolean
  int64_param?: string
  string_param?: string
  double_param?: number
  uint64_param?: string
}

export type ParametersMessage = Readonly<Record<string, ParameterMessage>>

export type TensorMessage = {
  name: string
  datatype: string
  shape: readonly string[]
  parameters: ParametersMessage
  /** `InferTensorContents` as bytes of the message; empty where none are given. */
  contents: Uint8Array
}

export type InferRequestMessage = {
  model_name: string
  model_version: string
  id: string
  parameters: ParametersMessage
  inputs: readonly TensorMessage[]
  outputs: readonly { name: string; parameters: ParametersMessage }[]
  raw_input_contents: readonly Uint8Array[]
}

export type InferResponseMessage = {
  model_name: string
  model_version: string
  id: string
  parameters: ParametersMessage
  outputs: readonly (Omit<TensorMessage, 'contents' | 'shape'> & { shape: readonly number[]; contents?: Uint8Array })[]
  raw_output_contents: readonly Uint8Array[]
}

/**
 * Refuses a message that is built to be costly before it is decoded: each of its fields becomes an object, so a few bytes
 * become hundreds. What tensors hold is not looked at. Throws invalid-request.
 */
export function refuseCostly(message: Uint8Array): void {
  let fields = 0
  const count = () => {
    fields += 1
    if (fields > limits.messageFieldsMax) throw tooMany('fields', limits.messageFieldsMax)
  }
  walkFields(message, rangeOf(message), (field, wireType, from, to) => {
    count()
    if (wireType !== 2 || !hasFieldsInside.has(field)) return
    walkFields(message, { from, to }, (inner, _wireType, start, end) => {
      count()
      if (field === inputs && inner === shape && end - start > limits.messageShapeBytesMax) {
        throw tooMany('bytes of one shape', limits.messageShapeBytesMax)
      }
    })
  })
}

const inputs = 5
const shape = 3
/** Parameters, inputs and asked outputs of `ModelInferRequest`. */
const hasFieldsInside: ReadonlySet<number> = new Set([4, inputs, 6])

function tooMany(what: string, most: number): CutoverError {
  return new CutoverError('invalid-request', `the message has more than ${most} ${what}`)
}
