/** A `ModelInfer` request as the HTTP body that model servers get: JSON, or JSON with the tensors as bytes behind it. */
import { tooLarge } from '../request-body.ts'
import { badInput, datatypes, type PackedTensor, packedProblem } from './datatypes.ts'
import type { InferRequestMessage, ParametersMessage, TensorMessage } from './messages.ts'
import { parametersJson } from './parameters.ts'
import { elementsJson, jsonProblem, NoJsonForm, TooLong } from './tensor-json.ts'
import { packContents } from './typed-contents.ts'

export type InferBody = {
  body: Buffer
  /** The length of the JSON in front of binary tensors; null if all of it is JSON. */
  jsonBytes: number | null
}

type Input = PackedTensor & { parameters: ParametersMessage }

export type ReadRequest = {
  message: InferRequestMessage
  inputs: readonly Input[]
  /** Contents came raw, and go back raw. */
  isRaw: boolean
}

/** Checks names, datatypes, shapes and counts. Throws tensor-invalid, invalid-request, body-too-large. */
export function readRequest(message: InferRequestMessage, bytesMax: number): ReadRequest {
  const raw = message.raw_input_contents
  const isRaw = raw.length > 0
  let bytes = 0
  const inputs = message.inputs.map((input, index) => {
    const tensor = isRaw ? readRaw(input, raw[index] ?? null) : readTyped(input, bytesMax)
    bytes += tensor.bytes.length
    if (bytes > bytesMax) throw tooLarge(bytesMax)
    const problem = packedProblem(tensor)
    if (problem !== null) throw badInput(tensor.name, problem)
    return tensor
  })
  if (isRaw && raw.length !== inputs.length) {
    const last = message.inputs[inputs.length - 1]?.name ?? ''
    throw badInput(last, `is the last of ${inputs.length}, and raw_input_contents has ${raw.length}; one for each`)
  }
  return { message, inputs, isRaw }
}

/** Whether the tensors are better, or cannot be sent otherwise than, as bytes. */
export function wantsBinary({ inputs, isRaw }: ReadRequest): boolean {
  return isRaw || inputs.some(({ bytes, datatype }) => jsonProblem(bytes, datatype) !== null)
}

function readRaw(input: TensorMessage, bytes: Uint8Array | null): Input {
  const { name, contents } = input
  if (bytes === null) throw badInput(name, 'has no entry of raw_input_contents, where other inputs have one')
  if (contents.length > 0) throw badInput(name, 'has typed contents beside raw_input_contents; give one of the two')
  return { ...describe(input), bytes }
}

function readTyped(input: TensorMessage, bytesMax: number): Input {
  const described = describe(input)
  const packed = packContents(input.contents, described.datatype, bytesMax)
  if (packed.problem !== null) throw badInput(input.name, packed.problem)
  return { ...described, bytes: packed.bytes }
}

function describe({ name, datatype: word, shape, parameters }: TensorMessage): Omit<Input, 'bytes'> {
  const datatype = datatypes.get(word)
  const known = [...datatypes.keys()].join(', ')
  if (datatype === undefined)
    throw badInput(name, `has the datatype ${JSON.stringify(word.slice(0, 20))}, not ${known}`)
  return { name, datatype, shape: shape.map(Number), parameters }
}

/** Throws tensor-invalid for what JSON cannot say, body-too-large past `bytesMax`. */
export function jsonBody(request: ReadRequest, bytesMax: number): InferBody {
  let left = bytesMax
  const inputs = request.inputs.map(input => {
    const data = inputJson(input, left, bytesMax)
    left -= data.length
    return describeJson(input, `"data":${data}`)
  })
  return { body: bounded(documentText(request.message, inputs, []), bytesMax), jsonBytes: null }
}

function inputJson({ name, bytes, datatype }: Input, left: number, bytesMax: number): string {
  try {
    return elementsJson(bytes, datatype, left)
  } catch (thrown) {
    if (thrown instanceof TooLong) throw tooLarge(bytesMax)
    if (!(thrown instanceof NoJsonForm)) throw thrown
    const why = 'which has no JSON form, and not every version here takes tensors as bytes'
    throw badInput(name, `${thrown.message}, ${why}`)
  }
}

/** The tensors as bytes, and the answer's tensors asked for as bytes. */
export function binaryBody(request: ReadRequest, bytesMax: number): InferBody {
  const inputs = request.inputs.map(input => describeJson(input, null))
  const json = Buffer.from(documentText(request.message, inputs, ['"binary_data_output":true']))
  const bytes = request.inputs.reduce((sum, input) => sum + input.bytes.length, json.length)
  if (bytes > bytesMax) throw tooLarge(bytesMax)
  return { body: Buffer.concat([json, ...request.inputs.map(input => input.bytes)]), jsonBytes: json.length }
}

/** Without data the size of its bytes is told. */
function describeJson({ name, datatype, shape, bytes, parameters }: Input, data: string | null): string {
  const own = parametersJson(parameters, data === null ? [`"binary_data_size":${bytes.length}`] : [])
  return objectText([
    `"name":${JSON.stringify(name)}`,
    `"shape":[${shape.join(',')}]`,
    `"datatype":"${datatype.name}"`,
    own,
    data ?? '',
  ])
}

function documentText(message: InferRequestMessage, inputs: readonly string[], extra: readonly string[]): string {
  const { id, parameters, outputs } = message
  const asked = outputs.map(one => objectText([`"name":${JSON.stringify(one.name)}`, parametersJson(one.parameters)]))
  return objectText([
    id === '' ? '' : `"id":${JSON.stringify(id)}`,
    parametersJson(parameters, extra),
    `"inputs":[${inputs.join(',')}]`,
    asked.length === 0 ? '' : `"outputs":[${asked.join(',')}]`,
  ])
}

function objectText(members: readonly string[]): string {
  return `{${members.filter(member => member !== '').join(',')}}`
}

function bounded(text: string, bytesMax: number): Buffer {
  if (text.length > bytesMax) throw tooLarge(bytesMax)
  const body = Buffer.from(text)
  if (body.length > bytesMax) throw tooLarge(bytesMax)
  return body
}
