import { expect } from 'vitest'
import type { Failure, Result } from '../../src/stats/result.ts'

/** The numbers of a result that must be there. */
export function numbers<T>(result: Result<T>): { readonly ok: true } & T {
  if (!result.ok) throw new Error(`refused: ${result.reason}`)
  return result
}

/** The refusal of a result that must be one. */
export function refusal(result: Result<unknown>): Failure {
  if (result.ok) throw new Error(`not refused: ${JSON.stringify(result)}`)
  return result
}

/** Expects two numbers to agree relative to the greater of 1 and their size. */
export function expectClose(actual: number | undefined, expected: number, tolerance: number): void {
  expect(actual).toBeTypeOf('number')
  expect(Math.abs((actual ?? 0) - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)))
}

/** Whether every number inside a value is finite. */
export function allFinite(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.values(value).every(allFinite)
}

/** A seeded stream of uniform numbers in [0, 1) (mulberry32). */
export function uniforms(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
