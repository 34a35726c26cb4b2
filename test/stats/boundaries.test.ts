import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gammaExponentialBound, normalMixtureBound, polyStitchingBound } from '../../src/stats/sequential/boundaries.ts'
import reference from '../reference/boundaries.json' with { type: 'json' }
import { expectClose, numbers, refusal } from './support.ts'

describe('uniform boundaries agree with quadrature over drifts', () => {
  test.each(reference.normal)('normal mixture, $sides sides, at $v', ({ bound, ...row }) => {
    const result = numbers(normalMixtureBound({ ...row, sides: row.sides === 1 ? 1 : 2 }))
    expectClose(result.bound / bound, 1, 1e-12)
  })
  test.each(reference.gammaExponential)('gamma-exponential mixture, scale $scale, at $v', ({ bound, ...row }) => {
    expectClose(numbers(gammaExponentialBound(row)).bound / bound, 1, 1e-11)
  })
  test.each(reference.polyStitching)('stitched, scale $scale, at $v', ({ bound, ...row }) => {
    expectClose(numbers(polyStitchingBound(row)).bound / bound, 1, 1e-12)
  })
})

test('the values published with the confseq library of Howard et al. are reproduced', () => {
  const at = { v: 100, tunedFor: 100, alpha: 0.05 }
  expect(numbers(normalMixtureBound({ ...at, sides: 2 })).bound).toBeCloseTo(30.35209, 5)
  expect(numbers(normalMixtureBound({ ...at, sides: 1 })).bound).toBeCloseTo(27.66071, 5)
  expect(numbers(gammaExponentialBound({ ...at, scale: 2 })).bound).toBeCloseTo(33.02017, 5)
  expect(numbers(polyStitchingBound({ v: 100, start: 10, scale: 3, alpha: 0.05 })).bound).toBeCloseTo(64.48755, 5)
  expect(numbers(polyStitchingBound({ v: 100, start: 10, scale: -1, alpha: 0.05 })).bound).toBeCloseTo(28.99389, 5)
})

const time = fc.double({ min: 1e-2, max: 1e6, noNaN: true })

test('boundaries grow with time and with confidence', () => {
  const all = [
    (v: number, alpha: number) => normalMixtureBound({ v, tunedFor: 100, alpha, sides: 1 }),
    (v: number, alpha: number) => normalMixtureBound({ v, tunedFor: 100, alpha, sides: 2 }),
    (v: number, alpha: number) => gammaExponentialBound({ v, tunedFor: 100, scale: 1, alpha }),
    (v: number, alpha: number) => polyStitchingBound({ v, start: 1e-3, scale: 1, alpha }),
  ]
  fc.assert(
    fc.property(time, fc.constantFrom(...all), (v, bound) => {
      const here = numbers(bound(v, 0.05)).bound
      expect(numbers(bound(v * 1.5, 0.05)).bound).toBeGreaterThan(here)
      expect(numbers(bound(v, 0.01)).bound).toBeGreaterThan(here)
    }),
  )
})

test('the gamma-exponential mixture of a tiny scale is the normal one', () => {
  const at = { v: 100, tunedFor: 100, alpha: 0.05 }
  const normal = numbers(normalMixtureBound({ ...at, sides: 1 })).bound
  expectClose(numbers(gammaExponentialBound({ ...at, scale: 1e-3 })).bound / normal, 1, 1e-4)
})

describe('what is refused', () => {
  test.each([
    ['a time of 0', normalMixtureBound({ v: 0, tunedFor: 1, alpha: 0.05, sides: 2 })],
    ['a time far from the tuning', normalMixtureBound({ v: 1e-300, tunedFor: 1, alpha: 0.05, sides: 1 })],
    ['one side at an alpha of 0.6', normalMixtureBound({ v: 1, tunedFor: 1, alpha: 0.6, sides: 1 })],
    ['a scale of 0', gammaExponentialBound({ v: 1, tunedFor: 1, scale: 0, alpha: 0.05 })],
    ['a scale too small', gammaExponentialBound({ v: 1, tunedFor: 1, scale: 1e-9, alpha: 0.05 })],
    ['a scale too great', gammaExponentialBound({ v: 1, tunedFor: 1, scale: 1e9, alpha: 0.05 })],
    ['a power of 1', polyStitchingBound({ v: 1, start: 1, scale: 0, alpha: 0.05, power: 1 })],
    ['a growth below 1', polyStitchingBound({ v: 1, start: 1, scale: 0, alpha: 0.05, growth: 0.9 })],
    ['a start of NaN', polyStitchingBound({ v: 1, start: Number.NaN, scale: 0, alpha: 0.05 })],
    ['a time of Infinity', polyStitchingBound({ v: Number.POSITIVE_INFINITY, start: 1, scale: 0, alpha: 0.05 })],
  ])('%s', (_name, result) => {
    expect(refusal(result).kind).toBe('invalid')
  })
})
