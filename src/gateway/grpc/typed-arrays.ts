/** Packed numbers as the arrays that the machine has for them: least byte first, as on every machine that Node runs models on. */
import type { Datatype } from './datatypes.ts'

const kinds = {
  BOOL: Uint8Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const

/** What is done here is the same for all of them; one that holds bigint is given these alone. */
type NumberArray = {
  [at: number]: number | bigint
  readonly length: number
  readonly buffer: ArrayBuffer
  join(separator: string): string
  some(test: (value: unknown) => boolean): boolean
} & Iterable<unknown>

type Kind = new (from: ArrayBuffer | number) => NumberArray

function kindOf({ name }: Datatype): Kind {
  const kind = (kinds as unknown as Readonly<Record<string, Kind>>)[name]
  if (kind === undefined) throw new Error(`${name} has no array`)
  return kind
}

/** Of zeros. */
export function newArray(length: number, datatype: Datatype): NumberArray {
  return new (kindOf(datatype))(length)
}

/** A copy, since an array of numbers must begin at a multiple of their size. */
export function arrayOver(bytes: Uint8Array, datatype: Datatype): NumberArray {
  return new (kindOf(datatype))(new Uint8Array(bytes).buffer)
}
