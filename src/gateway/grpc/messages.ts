/** Messages of `ModelInfer` as proto-loader reads and writes them: integers of 64 bits as text. */
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { malformed, type Range, rangeOf, walkFields, wireTypes } from './wire.ts'

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
 * become hundreds. Refuses too what decoding would read past its end or as another type. What tensors hold is not looked at.
 * Throws invalid-request.
 */
export function refuseCostly(message: Uint8Array): void {
  let fields = 0
  const walk = (range: Range, known: Known): void => {
    let hasOne = false
    walkFields(message, range, (field, wireType, from, to) => {
      fields += 1
      if (fields > limits.messageFieldsMax) throw tooMany('fields', limits.messageFieldsMax)
      const own = known[field]
      if (own === undefined) return
      if (!own.wireTypes.includes(wireType) || (own.once === true && hasOne)) throw malformed()
      if (own.once === true) hasOne = true
      if (own.inside !== undefined) walk({ from, to }, own.inside)
      if (own.bytesMax !== undefined && to - from > own.bytesMax) throw tooMany('bytes of one shape', own.bytesMax)
    })
  }
  walk(rangeOf(message), inferRequest)
}

/**
 * Fields by their number; those that are not here are passed over. `once`: parts of it would have to be put together, which
 * decoding does not do.
 */
type Known = Readonly<Record<number, KnownField>>
type KnownField = { wireTypes: readonly number[]; inside?: Known; bytesMax?: number; once?: true }

const text = { wireTypes: [wireTypes.bytes] }
const integer = { wireTypes: [wireTypes.varint] }
const holding = (inside: Known) => ({ wireTypes: [wireTypes.bytes], inside })
const value: Known = { 1: integer, 2: integer, 3: text, 4: { wireTypes: [wireTypes.fixed64] }, 5: integer }
const parameters = holding({ 1: text, 2: holding(value) })
const shape = { wireTypes: [wireTypes.varint, wireTypes.bytes], bytesMax: limits.messageShapeBytesMax }
const inferRequest: Known = {
  ...{ 1: text, 2: text, 3: text, 4: parameters },
  5: holding({ 1: text, 2: text, 3: shape, 4: parameters, 5: { ...text, once: true } }),
  6: holding({ 1: text, 2: parameters }),
  7: text,
}

function tooMany(what: string, most: number): CutoverError {
  return new CutoverError('invalid-request', `the message has more than ${most} ${what}`)
}
