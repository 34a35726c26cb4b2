import { limits } from '../../../core/limits.ts'
import type { ModelMetadata, TensorMetadata } from '../../../ports/backend.ts'
import { ClientFault, quote } from './client-fault.ts'
import { datatypes, type OrtType, type TensorData } from './datatypes.ts'
import type { InferBody } from './infer-body.ts'
import { binaryData, elementCount, jsonData } from './input-data.ts'
import { flag, type Parameters, readParameters } from './parameters.ts'
import { elementBytes } from './tensor-bytes.ts'
import { allOutputs, describeTensor, listTensors, readOutputs, type WantedOutput } from './wanted-outputs.ts'

export type InputTensor = { name: string; type: OrtType; data: TensorData; dims: readonly number[] }

export type InferRequest = {
  id: string | null
  inputs: readonly InputTensor[]
  /** The outputs asked for, in the order asked. */
  outputs: readonly WantedOutput[]
}

type Fields = Readonly<Record<string, unknown>>

const elementsMax = 2 ** 31 - 1

/** Checks an Open Inference Protocol v2 request against a model; throws a `ClientFault` that names what does not fit. */
export function readInferRequest(body: InferBody, model: ModelMetadata): InferRequest {
  if (body.kind === 'raw') return readRaw(body.data, model)
  const { document } = body
  if (!isObject(document)) throw new ClientFault('the body must be a JSON object with "inputs"')
  const binaryOutput = flag(readParameters(document['parameters'], 'the request'), 'binary_data_output', 'the request')
  const behind = new BytesBehind(body.binary)
  const inputs = readInputs(document['inputs'], behind, model)
  behind.refuseRest()
  return { id: readId(document['id']), inputs, outputs: readOutputs(document['outputs'], binaryOutput ?? false, model) }
}

/** The tensors behind the JSON, taken in the order of the inputs. */
class BytesBehind {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  take(size: number, name: string): Uint8Array {
    const left = this.#bytes.byteLength - this.#at
    if (size > left) {
      const field = '"binary_data_size"'
      throw new ClientFault(`input "${name}" has ${size} as ${field}, but ${left} bytes follow the JSON for it`)
    }
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }

  refuseRest(): void {
    const left = this.#bytes.byteLength - this.#at
    if (left > 0) throw new ClientFault(`the body has ${left} bytes after the last tensor`)
  }
}

function readId(id: unknown): string | null {
  if (id === undefined) return null
  if (typeof id === 'string') return id
  throw new ClientFault(`"id" must be a string, not ${quote(id)}`)
}

function readInputs(inputs: unknown, behind: BytesBehind, model: ModelMetadata): InputTensor[] {
  if (!Array.isArray(inputs)) throw new ClientFault('"inputs" must be an array of tensors')
  const names = new Set<string>()
  const tensors = inputs.map((input, at) => {
    const tensor = readInput(input, at, behind, model)
    if (names.has(tensor.name)) throw new ClientFault(`input "${tensor.name}" is given twice`)
    names.add(tensor.name)
    return tensor
  })
  const missing = model.inputs.find(spec => !names.has(spec.name))
  if (missing !== undefined) throw new ClientFault(`input ${describeTensor(missing)} is missing`)
  return tensors
}

function readInput(input: unknown, at: number, behind: BytesBehind, model: ModelMetadata): InputTensor {
  if (!isObject(input)) throw new ClientFault(`inputs[${at}] must be an object with name, datatype, shape and data`)
  const { name, datatype, shape, data } = input as Record<'name' | 'datatype' | 'shape' | 'data', unknown>
  const spec = model.inputs.find(candidate => candidate.name === name)
  if (spec === undefined)
    throw new ClientFault(`there is no input ${quote(name)}; this model takes ${listTensors(model.inputs)}`)
  if (datatype !== spec.datatype) {
    throw new ClientFault(`input "${spec.name}" has datatype ${quote(datatype)}, but the model takes ${spec.datatype}`)
  }
  const dims = readShape(shape, spec)
  const size = binarySize(readParameters(input['parameters'], `input "${spec.name}"`), spec)
  if (size === null) return tensorOf(spec, dims, jsonData(data, dims, spec))
  if (data !== undefined) throw new ClientFault(`input "${spec.name}" has both "data" and "binary_data_size"`)
  return tensorOf(spec, dims, binaryData(behind.take(size, spec.name), dims, spec))
}

function binarySize(parameters: Parameters, { name }: TensorMetadata): number | null {
  const size = parameters.get('binary_data_size')
  if (size === undefined) return null
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size
  throw new ClientFault(`input "${name}" has ${quote(size)} as "binary_data_size"; it is a number of bytes`)
}

function tensorOf({ name, datatype }: TensorMetadata, dims: readonly number[], data: TensorData): InputTensor {
  const type = datatypes.get(datatype)?.ort
  if (type === undefined) throw new Error(`no such datatype: ${datatype}`)
  return { name, type, data, dims }
}

function readShape(shape: unknown, spec: TensorMetadata): number[] {
  if (!Array.isArray(shape)) throw new ClientFault(`input "${spec.name}" needs "shape", an array of integers`)
  if (shape.length > limits.tensorRankMax) {
    const most = `the most is ${limits.tensorRankMax}`
    throw new ClientFault(`input "${spec.name}" has a shape of ${shape.length} dimensions; ${most}`)
  }
  if (shape.some(size => !Number.isInteger(size) || size < 0)) {
    throw new ClientFault(`input "${spec.name}" has shape ${quote(shape)}; sizes are integers of 0 or more`)
  }
  // Without the zeros: [0, 2^40] has no elements and is no less of an overflow.
  if (elementCount(shape.filter(size => size > 0)) > elementsMax) {
    throw new ClientFault(`input "${spec.name}" has shape ${quote(shape)}, which is more than ${elementsMax} elements`)
  }
  if (!fits(shape, spec.shape)) {
    throw new ClientFault(`input "${spec.name}" has shape ${quote(shape)}, but the model takes ${quote(spec.shape)}`)
  }
  return shape
}

/** onnxruntime gives an empty shape both for a scalar and for "any shape", so it is left to judge that itself. */
function fits(shape: readonly number[], expected: readonly number[]): boolean {
  if (expected.length === 0) return true
  return shape.length === expected.length && expected.every((size, at) => size === -1 || size === shape[at])
}

/**
 * A body without JSON is the only input of a model as bytes, and all outputs come as bytes: as in Triton, whose protocol
 * this is. The first size that is open is filled by what was sent; further ones are 1.
 */
function readRaw(data: Uint8Array, model: ModelMetadata): InferRequest {
  const [spec, ...others] = model.inputs
  if (spec === undefined || others.length > 0) {
    const takes = `this one takes ${listTensors(model.inputs)}`
    throw new ClientFault(`a body without JSON fits only a model with one input; ${takes}`)
  }
  const dims = rawShape(data.byteLength, spec)
  const inputs = [tensorOf(spec, dims, binaryData(data, dims, spec))]
  return { id: null, inputs, outputs: allOutputs(model, true) }
}

function rawShape(bytes: number, spec: TensorMetadata): number[] {
  const open = spec.shape.indexOf(-1)
  const known = elementCount(spec.shape.map(size => Math.abs(size)))
  const size = elementBytes(spec.datatype)
  // Texts say their own lengths: there is one row of them.
  const filled = size === null || known === 0 ? 1 : bytes / size / known
  if (!Number.isInteger(filled) || filled > elementsMax) {
    throw new ClientFault(`${bytes} bytes are no whole number of rows for input ${describeTensor(spec)}`)
  }
  return spec.shape.map((one, at) => (at === open ? filled : Math.abs(one)))
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
