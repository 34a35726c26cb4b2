/** Between Open Inference Protocol tensors in JSON and the runtime's typed arrays, checked to the last element. */

export type TensorInfo = { name: string; datatype: string; shape: readonly number[] }

/** A tensor as the runtime takes and gives it. */
export type RuntimeTensor = { type: string; dims: readonly number[]; data: unknown }

export class TensorFault extends Error {}

/** Runtime element type by protocol datatype. FP16 and BF16 have no JSON form. */
const runtimeTypes: Readonly<Record<string, string>> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
}

const datatypes: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(runtimeTypes).map(([datatype, type]) => [type, datatype]),
)

/** The protocol's datatype of a runtime type; the runtime's own word in capitals where the protocol has none. */
export function datatypeOf(type: string): string {
  return datatypes[type] ?? type.toUpperCase()
}

const elementsMax = 2 ** 31

type Bounds = { least: bigint; most: bigint }
const bounds: Readonly<Record<string, Bounds>> = Object.fromEntries(
  [8, 16, 32, 64].flatMap(bits => [
    [`UINT${bits}`, { least: 0n, most: 2n ** BigInt(bits) - 1n }],
    [`INT${bits}`, { least: -(2n ** BigInt(bits - 1)), most: 2n ** BigInt(bits - 1) - 1n }],
  ]),
)

/** Reads one input of a request against what the model expects; throws a `TensorFault` that names the tensor. */
export function readTensor(input: unknown, expected: TensorInfo): RuntimeTensor {
  const { name } = expected
  const datatype = field(input, 'datatype')
  if (datatype !== expected.datatype)
    throw new TensorFault(`input \`${name}\`: datatype is ${show(datatype)}; the model expects ${expected.datatype}`)
  const type = runtimeTypes[expected.datatype]
  if (type === undefined) throw new TensorFault(`input \`${name}\`: datatype ${expected.datatype} has no JSON form`)
  const dims = readShape(field(input, 'shape'), expected)
  const count = dims.reduce((product, size) => product * size, 1)
  const data = field(input, 'data')
  if (!Array.isArray(data))
    throw new TensorFault(`input \`${name}\`: data is ${show(data)}; it must be an array of ${count} elements`)
  const flat: unknown[] = Array.isArray(data[0]) ? data.flat(Number.POSITIVE_INFINITY) : data
  if (flat.length !== count)
    throw new TensorFault(
      `input \`${name}\`: data has ${flat.length} elements; shape [${dims.join(', ')}] needs ${count}`,
    )
  return { type, dims, data: toTyped(flat, expected) }
}

function readShape(shape: unknown, expected: TensorInfo): number[] {
  const { name } = expected
  const wanted = `[${expected.shape.join(', ')}]`
  if (!Array.isArray(shape) || !shape.every(size => Number.isInteger(size) && size >= 0)) {
    throw new TensorFault(
      `input \`${name}\`: shape is ${show(shape)}; it must be an array of whole numbers from 0, such as the model's ${wanted}`,
    )
  }
  const fits =
    shape.length === expected.shape.length && expected.shape.every((size, axis) => size === -1 || size === shape[axis])
  if (!fits)
    throw new TensorFault(`input \`${name}\`: shape is [${shape.join(', ')}]; the model expects ${wanted} (-1 is any)`)
  const count = shape.reduce((product: number, size: number) => product * size, 1)
  if (count >= elementsMax)
    throw new TensorFault(
      `input \`${name}\`: shape [${shape.join(', ')}] has ${count} elements; fewer than ${elementsMax} are allowed`,
    )
  return shape
}

function toTyped(flat: readonly unknown[], { name, datatype }: TensorInfo): unknown {
  switch (datatype) {
    case 'FP32':
      return Float32Array.from(flat, (value, index) => asNumber(value, { name, index }))
    case 'FP64':
      return Float64Array.from(flat, (value, index) => asNumber(value, { name, index }))
    case 'BOOL':
      return Uint8Array.from(flat, (value, index) => Number(asKind(value, 'boolean', { name, index })))
    case 'BYTES':
      return flat.map((value, index) => asKind(value, 'string', { name, index }))
    default:
      return toIntegers(flat, { name, datatype })
  }
}

const integerArrays: Readonly<Record<string, (values: readonly bigint[]) => unknown>> = {
  INT8: values => Int8Array.from(values, Number),
  INT16: values => Int16Array.from(values, Number),
  INT32: values => Int32Array.from(values, Number),
  INT64: values => BigInt64Array.from(values),
  UINT8: values => Uint8Array.from(values, Number),
  UINT16: values => Uint16Array.from(values, Number),
  UINT32: values => Uint32Array.from(values, Number),
  UINT64: values => BigUint64Array.from(values),
}

function toIntegers(flat: readonly unknown[], of: { name: string; datatype: string }): unknown {
  const { least, most } = bounds[of.datatype] ?? { least: 0n, most: 0n }
  const values = flat.map((value, index) => {
    const whole = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : null
    if (whole !== null && whole >= least && whole <= most) return whole
    throw new TensorFault(
      `input \`${of.name}\`: element ${index} is ${show(value)}; ${of.datatype} takes whole numbers from ${least} to ${most}`,
    )
  })
  return integerArrays[of.datatype]?.(values)
}

function asNumber(value: unknown, at: { name: string; index: number }): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw new TensorFault(`input \`${at.name}\`: element ${at.index} is ${show(value)}; a number is needed`)
}

function asKind<Kind extends 'boolean' | 'string'>(
  value: unknown,
  kind: Kind,
  at: { name: string; index: number },
): unknown {
  if (typeof value === kind) return value
  throw new TensorFault(`input \`${at.name}\`: element ${at.index} is ${show(value)}; a ${kind} is needed`)
}

/** Writes a runtime tensor as the protocol's JSON; 64-bit integers keep every digit. */
export function writeTensor(name: string, tensor: RuntimeTensor): string {
  const datatype = datatypeOf(tensor.type)
  const head = `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${tensor.dims.join(',')}],"data":`
  return `${head}[${elementsOf(name, tensor).join(',')}]}`
}

function elementsOf(name: string, tensor: RuntimeTensor): readonly string[] {
  const data = tensor.data as ArrayLike<unknown>
  const written: string[] = new Array(data.length)
  for (let index = 0; index < data.length; index++) {
    const value = data[index]
    if (tensor.type === 'string') written[index] = JSON.stringify(String(value))
    else if (tensor.type === 'bool') written[index] = value ? 'true' : 'false'
    else if (typeof value === 'number' && !Number.isFinite(value))
      throw new TensorFault(`output \`${name}\`: element ${index} is ${value}, which JSON cannot hold`)
    else written[index] = String(value)
  }
  return written
}

export function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

function show(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'bigint') return String(value)
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`
}
