/** Declared features of a request, read from its bytes. Pure; what cannot be read is null and told, never an error. */
import { assertNever } from './errors.ts'
import { beyondBounds } from './json-bounds.ts'
import { valueAt } from './json-pointer.ts'
import { limits } from './limits.ts'
import type { Feature } from './prediction.ts'
import { readTensors, type Tensor } from './tensors.ts'

/** Where a feature stands in a request. */
export type FeatureSource =
  /** A JSON pointer (RFC 6901) into the body. */
  | { from: 'pointer'; pointer: string }
  /** An element of a tensor's first row, or with `index` null the mean of that row (open-inference). */
  | { from: 'input'; tensor: string; index: number | null }

export type FeatureType = 'number' | 'category'

export type FeatureSpec = { source: FeatureSource; type: FeatureType }

export type FeatureSpecs = Readonly<Record<string, FeatureSpec>>

export type RequestBytes = {
  /** Plain bytes. */
  body: Uint8Array
  /** Length of the JSON in front where binary tensors follow it; null if all of the body is JSON. */
  jsonBytes: number | null
  features: FeatureSpecs
}

/**
 * `isMalformed`: the body is not what it should be, or holds something else than declared. A feature that is not there
 * is null and no fault.
 */
export type ReadFeatures = { features: Readonly<Record<string, Feature>> | null; isMalformed: boolean }

/** Null without any feature if the body cannot be read at all. */
export function readFeatures({ body, jsonBytes, features }: RequestBytes): ReadFeatures {
  if (body.byteLength === 0) return nothingSent
  const length = jsonBytes ?? body.byteLength
  if (!(Number.isSafeInteger(length) && length > 0 && length <= body.byteLength)) return unreadable
  const document = parseJson(body.subarray(0, length))
  if (document === undefined) return unreadable
  const wantsTensors = Object.values(features).some(({ source }) => source.from === 'input')
  const tensors = wantsTensors ? readTensors(document, body.subarray(length)) : null
  if (wantsTensors && tensors === null) return unreadable
  const read = Object.entries(features).map(([name, spec]) => [name, featureOf(spec, document, tensors)] as const)
  return {
    features: Object.fromEntries(read.map(([name, value]) => [name, value === malformed ? null : value])),
    isMalformed: read.some(([, value]) => value === malformed),
  }
}

/** Requests without a body have no features, and nothing is wrong with them. */
const nothingSent: ReadFeatures = { features: null, isMalformed: false }
const unreadable: ReadFeatures = { features: null, isMalformed: true }

/** A value of another type than declared. */
const malformed = Symbol('malformed')
type Read = Feature | typeof malformed

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(bytes: Uint8Array): unknown {
  if (beyondBounds(bytes) !== null) return undefined
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined
  }
}

function featureOf(
  { source, type }: FeatureSpec,
  document: unknown,
  tensors: ReadonlyMap<string, Tensor> | null,
): Read {
  switch (source.from) {
    case 'pointer':
      return typed(valueAt(document, source.pointer), type)
    case 'input':
      return tensorValue(tensors?.get(source.tensor), source.index, type)
    default:
      return assertNever(source)
  }
}

function tensorValue(tensor: Tensor | undefined, index: number | null, type: FeatureType): Read {
  if (tensor === undefined) return null
  if (tensor === 'malformed') return malformed
  if (index !== null) return typed(tensor.firstRow(index), type)
  return meanOf(tensor)
}

function meanOf(tensor: Exclude<Tensor, 'malformed'>): Read {
  let sum = 0
  for (let index = 0; index < tensor.width; index += 1) {
    const value = typed(tensor.firstRow(index), 'number')
    if (typeof value !== 'number') return value
    sum += value
  }
  return tensor.width === 0 ? null : finite(sum / tensor.width)
}

function typed(value: unknown, type: FeatureType): Read {
  if (value === undefined || value === null) return null
  if (type === 'number') return typeof value === 'boolean' ? Number(value) : finite(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value.length <= limits.featureTextMax ? value : malformed
}

function finite(value: unknown): Read {
  return typeof value === 'number' && Number.isFinite(value) ? value : malformed
}
