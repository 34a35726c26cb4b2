/** The elements of an input: from JSON, flat or nested, or from the bytes behind the JSON. */
import type { TensorMetadata } from '../../../ports/backend.ts'
import { ClientFault, quote } from './client-fault.ts'
import { datatypes, type TensorData } from './datatypes.ts'
import { fromBytes } from './tensor-bytes.ts'

export function jsonData(data: unknown, dims: readonly number[], spec: TensorMetadata): TensorData {
  const form = datatypes.get(spec.datatype)?.json ?? noJsonForm(spec)
  if (!Array.isArray(data)) throw new ClientFault(`input "${spec.name}" needs "data", an array of ${form.takes}`)
  const values = dims.length > 1 && Array.isArray(data[0]) ? flatten(data, dims, spec.name) : data
  const expected = elementCount(dims)
  if (values.length !== expected) {
    const given = `${values.length} elements in "data"`
    throw new ClientFault(`input "${spec.name}" has ${given}, but its shape ${quote(dims)} has ${expected}`)
  }
  const read = form.read(values)
  if (typeof read !== 'number') return read
  const bad = quote(values[read])
  throw new ClientFault(`input "${spec.name}" has ${bad} as element ${read}, but ${spec.datatype} takes ${form.takes}`)
}

export function binaryData(bytes: Uint8Array, dims: readonly number[], spec: TensorMetadata): TensorData {
  const read = fromBytes(spec.datatype, bytes, elementCount(dims))
  if ('problem' in read) throw new ClientFault(`input "${spec.name}" has ${read.problem}`)
  return read
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1)
}

function noJsonForm({ name, datatype }: TensorMetadata): never {
  const advice = 'send it as binary data (binary_data_size and Inference-Header-Content-Length)'
  throw new ClientFault(`input "${name}" is ${datatype}, which has no JSON form; ${advice}`)
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
