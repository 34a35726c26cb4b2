/** Requests as rows of one run, and the run's outputs as rows of each request. */
import type { ModelMetadata, TensorMetadata } from '../../../ports/backend.ts'
import type { Batchable } from './batch-plan.ts'
import type { TensorData } from './datatypes.ts'
import type { InferRequest, InputTensor } from './infer-request.ts'
import type { OutputTensor } from './infer-response.ts'

/** Why requests to this model cannot be run together; null if they can. */
export function batchProblem({ inputs, outputs }: ModelMetadata): string | null {
  const sides = [...inputs.map(spec => ({ spec, role: 'input' })), ...outputs.map(spec => ({ spec, role: 'output' }))]
  const fixed = sides.find(({ spec }) => !hasOpenRows(spec))
  if (fixed === undefined) return null
  const { role, spec } = fixed
  const advice = 'export the model with a dynamic first dimension of every input and output'
  return `requests cannot be run together, since its ${role} "${spec.name}" has shape ${JSON.stringify(spec.shape)}; ${advice}`
}

function hasOpenRows({ shape }: TensorMetadata): boolean {
  return shape[0] === -1
}

/** Of a request that is right: requests whose tensors are of the same size behind the first dimension fit together. */
export function batchable({ inputs }: InferRequest, model: ModelMetadata): Batchable {
  const ordered = inModelOrder(inputs, model)
  const rows = ordered[0]?.dims[0] ?? 0
  const isEven = rows > 0 && ordered.every(({ dims }) => dims[0] === rows)
  return { key: isEven ? ordered.map(({ dims }) => dims.slice(1).join('x')).join(' ') : null, rows }
}

/** The inputs of all requests, one below the other. They must be of one key. */
export function joinInputs(requests: readonly InferRequest[], model: ModelMetadata): InputTensor[] {
  const ordered = requests.map(({ inputs }) => inModelOrder(inputs, model))
  return (ordered[0] ?? []).map((first, at) => {
    const parts = ordered.map(inputs => inputs[at] ?? first)
    const rows = parts.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0)
    return { ...first, dims: [rows, ...first.dims.slice(1)], data: joinData(parts.map(({ data }) => data)) }
  })
}

/** Cut into so many rows each; throws if the model gave another number of rows than it was asked for. */
export function splitOutput({ data, dims }: OutputTensor, rows: readonly number[], name: string): OutputTensor[] {
  const total = rows.reduce((sum, count) => sum + count, 0)
  if (dims[0] !== total) {
    throw new Error(`output "${name}" has shape ${JSON.stringify(dims)} where ${total} rows were asked for`)
  }
  const width = data.length / total
  let at = 0
  return rows.map(count => {
    const part = cut(data, at * width, (at + count) * width)
    at += count
    return { data: part, dims: [count, ...dims.slice(1)] }
  })
}

function inModelOrder(inputs: readonly InputTensor[], model: ModelMetadata): readonly InputTensor[] {
  if (inputs.length === 1) return inputs
  return model.inputs.flatMap(({ name }) => inputs.find(input => input.name === name) ?? [])
}

/** All are of one type: that of the model's input. */
function joinData(parts: readonly TensorData[]): TensorData {
  const [first] = parts
  if (first === undefined) throw new Error('a batch of nothing')
  if (Array.isArray(first)) return (parts as string[][]).flat()
  const numbers = parts as Float32Array[]
  const whole = emptyLike(
    first as Float32Array,
    numbers.reduce((sum, { length }) => sum + length, 0),
  )
  let at = 0
  for (const part of numbers) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** One typed array stands for all: what is done here is the same for each of them. */
function emptyLike(like: Float32Array, length: number): Float32Array {
  const Kind = like.constructor as new (length: number) => Float32Array
  return new Kind(length)
}

/** A view, but of texts. */
function cut(data: TensorData, from: number, to: number): TensorData {
  return Array.isArray(data) ? data.slice(from, to) : data.subarray(from, to)
}
