/**
 * The tensor datatypes by their Open Inference Protocol names: how elements are read from JSON into what onnxruntime
 * takes, and written back. FP16 has no JSON form in the protocol; BF16 is not a type that onnxruntime's binding knows.
 */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | string[]

export type OrtType =
  | 'float16'
  | 'float32'
  | 'float64'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'

export type Datatype = {
  /** Its name in onnxruntime. */
  ort: OrtType
  /** Null if it has none. */
  json: JsonForm | null
}

export type JsonForm = {
  /** What an element may be, for errors. */
  takes: string
  /** Converts all elements; answers the index of the first that does not fit instead. */
  read(values: readonly unknown[]): TensorData | number
  /** Elements as JSON, separated by commas; or the index of the first that JSON cannot carry. */
  write(data: TensorData): string | number
}

type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array

function floats(ort: OrtType, takes: string, make: (length: number) => Float32Array | Float64Array): Datatype {
  const read = (values: readonly unknown[]) => {
    const data = make(values.length)
    for (let at = 0; at < values.length; at += 1) {
      const value = values[at]
      if (typeof value !== 'number' && typeof value !== 'bigint') return at
      data[at] = Number(value)
      // Also when a number is too large for the type, or was for JSON.
      if (!Number.isFinite(data[at])) return at
    }
    return data
  }
  const write = (data: TensorData) => {
    const numbers = data as Float32Array
    let hasMinusZero = false
    for (let at = 0; at < numbers.length; at += 1) {
      const value = numbers[at] ?? Number.NaN
      if (!Number.isFinite(value)) return at
      hasMinusZero ||= Object.is(value, -0)
    }
    return hasMinusZero ? Array.from(numbers, signedText).join(',') : numbers.join(',')
  }
  return { ort, json: { takes, read, write } }
}

/** Minus zero would lose its sign as the text of a number; without the point many readers make a whole number of it. */
function signedText(value: number): string {
  return Object.is(value, -0) ? '-0.0' : String(value)
}

function integers(ort: OrtType, min: number, max: number, make: (length: number) => Numbers): Datatype {
  const read = (values: readonly unknown[]) => {
    const data = make(values.length)
    for (let at = 0; at < values.length; at += 1) {
      const value = values[at]
      if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) return at
      data[at] = value
    }
    return data
  }
  return { ort, json: { takes: `integers from ${min} to ${max}`, read, write: data => data.join(',') } }
}

/** Numbers beyond 2^53 come as bigint, or they are not exact and are refused. */
function bigIntegers(
  ort: OrtType,
  min: bigint,
  max: bigint,
  make: (length: number) => BigInt64Array | BigUint64Array,
): Datatype {
  const read = (values: readonly unknown[]) => {
    const data = make(values.length)
    for (let at = 0; at < values.length; at += 1) {
      const value = values[at]
      const exact = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : null
      if (exact === null || exact < min || exact > max) return at
      data[at] = exact
    }
    return data
  }
  const takes = `integers from ${min} to ${max} in plain digits`
  return { ort, json: { takes, read, write: data => data.join(',') } }
}

const booleans: JsonForm = {
  takes: 'true or false',
  read(values) {
    const bad = values.findIndex(value => typeof value !== 'boolean')
    return bad === -1 ? Uint8Array.from(values, Number) : bad
  },
  write: data => Array.from(data as Uint8Array, value => value !== 0).join(','),
}

/** onnxruntime's texts end at a NUL, and have no halves of characters: these would be other texts to the model. */
export function isText(value: unknown): boolean {
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed()
}

const strings: JsonForm = {
  takes: 'strings of whole characters without NUL',
  read(values) {
    const bad = values.findIndex(value => !isText(value))
    return bad === -1 ? (values as string[]) : bad
  },
  write: data => (data as string[]).map(text => JSON.stringify(text)).join(','),
}

export const datatypes: ReadonlyMap<string, Datatype> = new Map<string, Datatype>([
  ['FP16', { ort: 'float16', json: null }],
  ['FP32', floats('float32', 'finite numbers within FP32', length => new Float32Array(length))],
  ['FP64', floats('float64', 'finite numbers', length => new Float64Array(length))],
  ['INT8', integers('int8', -(2 ** 7), 2 ** 7 - 1, length => new Int8Array(length))],
  ['INT16', integers('int16', -(2 ** 15), 2 ** 15 - 1, length => new Int16Array(length))],
  ['INT32', integers('int32', -(2 ** 31), 2 ** 31 - 1, length => new Int32Array(length))],
  ['INT64', bigIntegers('int64', -(2n ** 63n), 2n ** 63n - 1n, length => new BigInt64Array(length))],
  ['UINT8', integers('uint8', 0, 2 ** 8 - 1, length => new Uint8Array(length))],
  ['UINT16', integers('uint16', 0, 2 ** 16 - 1, length => new Uint16Array(length))],
  ['UINT32', integers('uint32', 0, 2 ** 32 - 1, length => new Uint32Array(length))],
  ['UINT64', bigIntegers('uint64', 0n, 2n ** 64n - 1n, length => new BigUint64Array(length))],
  ['BOOL', { ort: 'bool', json: booleans }],
  ['BYTES', { ort: 'string', json: strings }],
])

/** The protocol's name of one of onnxruntime's types; null if the protocol has none for it. */
export function datatypeName(ort: string): string | null {
  for (const [name, datatype] of datatypes) if (datatype.ort === ort) return name
  return null
}
