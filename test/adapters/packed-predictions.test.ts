import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PredictionPacker, packPredictions } from '../../src/adapters/packed-predictions/packer.ts'
import { unpackPredictions } from '../../src/adapters/packed-predictions/unpack.ts'
import { type Answer, type Feature, type Prediction, shadowIdOf } from '../../src/core/prediction.ts'
import { aPrediction } from '../contract/samples.ts'

const text = fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 30 }))
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => value + 0)
const label: fc.Arbitrary<Answer> = fc.oneof(text, number, fc.boolean())
const answer = fc.oneof(label, fc.array(label as fc.Arbitrary<string>, { maxLength: 3 }))
const bytes = fc.uint8Array({ maxLength: 20 }).map(values => new Uint8Array(values))
const feature: fc.Arbitrary<Feature> = fc.oneof(text, number, fc.constant(null))
const sent = fc.record({ method: text, path: text, headers: fc.array(fc.tuple(text, text), { maxLength: 2 }) })
const payload = fc.record({ request: bytes, response: bytes, sent }, { requiredKeys: ['request', 'response'] })

const some: fc.Arbitrary<Prediction> = fc.record(
  {
    id: text,
    endpoint: fc.constantFrom('digits', 'ü', ''),
    epoch: fc.nat(3),
    release: fc.constantFrom(null, 'digits-1'),
    unit: text,
    assigned: fc.constantFrom('v1', 'v2'),
    version: fc.constantFrom('v1', 'v2'),
    propensity: fc.constantFrom(1, 0.1, 1e-6),
    pinned: fc.boolean(),
    atMs: number,
    latencyMs: number,
    status: fc.constantFrom(0, 200, 503),
    failed: fc.boolean(),
    answer: fc.oneof(fc.constant(null), fc.array(answer, { maxLength: 3 })),
    scores: fc.oneof(fc.constant(null), fc.array(fc.array(number, { maxLength: 3 }), { maxLength: 2 })),
    features: fc.oneof(fc.constant(null), fc.dictionary(fc.string(), feature, { maxKeys: 3, noNullPrototype: true })),
    payload: fc.oneof(fc.constant(null), payload),
    shadowOf: text,
    byContext: fc.constant(true as const),
  },
  {
    requiredKeys: [
      ...(['id', 'endpoint', 'epoch', 'release', 'unit', 'assigned', 'version', 'propensity', 'pinned'] as const),
      ...(['atMs', 'latencyMs', 'status', 'failed', 'answer', 'scores', 'features', 'payload'] as const),
    ],
  },
)

/** A half of a surrogate pair is no character: bytes cannot hold it, nor can the store. */
function wellFormed<Value>(value: Value): Value {
  if (typeof value === 'string') return value.toWellFormed() as Value
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(wellFormed) as Value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [wellFormed(key), wellFormed(inner)])) as Value
}

describe('packed predictions', () => {
  test('come back as they were, whatever they hold and in whatever order kinds come', () => {
    fc.assert(
      fc.property(fc.array(some, { maxLength: 12 }), predictions => {
        const whole = predictions.map(wellFormed)
        expect(unpackPredictions(packPredictions(whole))).toEqual(whole)
        expect(unpackPredictions(packPredictions(whole), { isPassing: true })).toEqual(whole)
      }),
    )
  })

  test('shadows come back with their champions, whether or not their ids tell these', () => {
    const shadows = [
      aPrediction({ id: shadowIdOf('p~v2', 'v2'), version: 'v2', shadowOf: 'p~v2' }),
      aPrediction({ id: shadowIdOf('ü', 'v2'), version: 'v2', shadowOf: 'ü' }),
      aPrediction({ id: shadowIdOf('p', 'v3'), version: 'v2', shadowOf: 'p' }),
      aPrediction({ id: 'p~v2', version: 'v2', shadowOf: 'q' }),
      aPrediction({ id: 'p~v2', version: 'v2' }),
    ]
    expect(unpackPredictions(packPredictions(shadows))).toEqual(shadows)
  })

  test('what was repeated is left out', () => {
    const packed = packPredictions(['a', 'b', 'c', 'd'].map(id => aPrediction({ id })))
    expect(unpackPredictions(packed, { repeated: [0, 2] }).map(({ id }) => id)).toEqual(['b', 'd'])
  })

  test('a packer begins anew with every buffer that is taken, one that is used again too', () => {
    const packer = new PredictionPacker()
    const batch = (version: string) => {
      const one = aPrediction({ version, unit: 'u'.repeat(400_000) })
      packer.add(one, one)
      packer.add(one, one)
      return packer.take()
    }
    const first = batch('v1')
    expect(unpackPredictions(first).map(({ version }) => version)).toEqual(['v1', 'v1'])
    packer.reuse(first)
    expect(unpackPredictions(batch('v2')).map(({ version }) => version)).toEqual(['v2', 'v2'])
    const again = batch('v3')
    expect(again).toBe(first)
    expect(unpackPredictions(again).map(({ version }) => version)).toEqual(['v3', 'v3'])
    expect([packer.count, unpackPredictions(packer.take())]).toEqual([0, []])
  })

  test('a buffer moves to another thread and is read there', () => {
    const packed = packPredictions([aPrediction()])
    const moved = structuredClone(packed, { transfer: [packed] })
    expect(packed.byteLength).toBe(0)
    expect(unpackPredictions(moved)).toEqual([aPrediction()])
  })

  test('more kinds than are looked through, and long texts of many bytes', () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      aPrediction({ id: '\u{1f600}'.repeat(1_000), propensity: 1 / (index + 1), epoch: index % 7 }),
    )
    expect(unpackPredictions(packPredictions([...many, ...many]))).toEqual([...many, ...many])
  })
})
