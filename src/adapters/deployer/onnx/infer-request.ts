import type { ModelMetadata, TensorMetadata } from '../../../ports/backend.ts'
import { ClientFault, quote } from './client-fault.ts'
import { datatypes, type OrtType, type TensorData } from './datatypes.ts'

export type InputTensor = { name: string; type: OrtType; data: TensorData; dims: readonly number[] }

export type InferRequest = {
  id: string | null
  inputs: readonly InputTensor[]
  /** The outputs asked for, in the order asked. */
  outputs: readonly TensorMetadata[]
}

type Fields = Readonly<Record<string, unknown>>

const elementsMax = 2 ** 31 - 1

/** Checks an Open Inference Protocol v2 request against a model; throws a `ClientFault` that names what does not fit. */
export function readInferRequest(json: unknown, model: ModelMetadata): InferRequest {
  if (!isObject(json)) throw new ClientFault('the body must be a JSON object with "inputs"')
  return {
    id: readId(json['id']),
    inputs: readInputs(json['inputs'], model),
    outputs: readOutputs(json['outputs'], model),
  }
}

function readId(id: unknown): string | null {
  if (id === undefined) return null
  if (typeof id === 'string') return id
  throw new ClientFault(`"id" must be a string, not ${quote(id)}`)
}

function readInputs(inputs: unknown, model: ModelMetadata): InputTensor[] {
  if (!Array.isArray(inputs)) throw new ClientFault('"inputs" must be an array of tensors')
  const tensors = inputs.map((input, at) => readInput(input, at, model))
  const names = new Set<string>()
  for (const { name } of tensors) {
    if (names.has(name)) throw new ClientFault(`input "${name}" is given twice`)
    names.add(name)
  }
  const missing = model.inputs.find(spec => !names.has(spec.name))
  if (missing !== undefined) throw new ClientFault(`input ${describe(missing)} is missing`)
  return tensors
}

function readInput(input: unknown, at: number, model: ModelMetadata): InputTensor {
  if (!isObject(input)) throw new ClientFault(`inputs[${at}] must be an object with name, datatype, shape and data`)
  const { name, datatype, shape, data } = input as Record<'name' | 'datatype' | 'shape' | 'data', unknown>
  const spec = model.inputs.find(candidate => candidate.name === name)
  if (spec === undefined)
    throw new ClientFault(`there is no input ${quote(name)}; this model takes ${list(model.inputs)}`)
  if (datatype !== spec.datatype) {
    throw new ClientFault(`input "${spec.name}" has datatype ${quote(datatype)}, but the model takes ${spec.datatype}`)
  }
  const dims = readShape(shape, spec)
  return { name: spec.name, dims, ...readData(data, dims, spec) }
}

function readShape(shape: unknown, spec: TensorMetadata): number[] {
  if (!Array.isArray(shape)) throw new ClientFault(`input "${spec.name}" needs "shape", an array of integers`)
  let elements = 1
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      throw new ClientFault(`input "${spec.name}" has shape ${quote(shape)}; sizes are integers of 0 or more`)
    }
    elements *= size
  }
  if (elements > elementsMax || shape.some(size => size > elementsMax)) {
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

function readData(data: unknown, dims: readonly number[], spec: TensorMetadata): { type: OrtType; data: TensorData } {
  const datatype = datatypes.get(spec.datatype)
  if (datatype === undefined) throw new Error(`no such datatype: ${spec.datatype}`)
  if (!Array.isArray(data)) throw new ClientFault(`input "${spec.name}" needs "data", an array of ${datatype.takes}`)
  const values = dims.length > 1 && Array.isArray(data[0]) ? flatten(data, dims, spec.name) : data
  const expected = dims.reduce((product, size) => product * size, 1)
  if (values.length !== expected) {
    const given = `${values.length} elements in "data"`
    throw new ClientFault(`input "${spec.name}" has ${given}, but its shape ${quote(dims)} has ${expected}`)
  }
  const read = datatype.read(values)
  if (typeof read !== 'number') return { type: datatype.ort, data: read }
  const bad = quote(values[read])
  throw new ClientFault(
    `input "${spec.name}" has ${bad} as element ${read}, but ${spec.datatype} takes ${datatype.takes}`,
  )
}

/** The elements of nested arrays in row-major order; every array must be as long as the shape says. */
function flatten(data: readonly unknown[], dims: readonly number[], name: string): unknown[] {
  const values: unknown[] = []
  const walk = (part: unknown, depth: number) => {
    if (depth === dims.length) {
      values.push(part)
    } else if (Array.isArray(part) && part.length === dims[depth]) {
      for (const inner of part) walk(inner, depth + 1)
    } else {
      const found = Array.isArray(part) ? `an array of ${part.length}` : quote(part)
      const want = `an array of ${dims[depth]}`
      throw new ClientFault(
        `input "${name}" has ${found} at depth ${depth} of "data", where its shape ${quote(dims)} has ${want}`,
      )
    }
  }
  walk(data, 0)
  return values
}

function readOutputs(outputs: unknown, model: ModelMetadata): readonly TensorMetadata[] {
  if (outputs === undefined) return model.outputs
  if (!Array.isArray(outputs)) throw new ClientFault('"outputs" must be an array of objects with a name')
  const wanted = outputs.map(output => {
    const name = isObject(output) ? output['name'] : output
    const spec = model.outputs.find(candidate => candidate.name === name)
    if (spec === undefined)
      throw new ClientFault(`there is no output ${quote(name)}; this model gives ${list(model.outputs)}`)
    return spec
  })
  const twice = wanted.find((spec, at) => wanted.indexOf(spec) !== at)
  if (twice !== undefined) throw new ClientFault(`output "${twice.name}" is asked for twice`)
  return wanted.length === 0 ? model.outputs : wanted
}

function list(tensors: readonly TensorMetadata[]): string {
  return tensors.map(describe).join(', ')
}

function describe({ name, datatype, shape }: TensorMetadata): string {
  return `"${name}" (${datatype} ${JSON.stringify(shape)})`
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
