import { checkCount, type Failure, invalid, type Result } from '../result.ts'
import type { BinRun } from './bin-store.ts'

/** Bin indices beyond this belong to no value that a sketch accepts, at any accuracy that it accepts. */
const MAX_BIN_INDEX = 4_000_000

/** A sketch as plain data. `min` and `max` are absent when it is empty. */
export type SketchState = {
  readonly relativeAccuracy: number
  readonly maxBins: number
  readonly count: number
  readonly sum: number
  readonly min?: number
  readonly max?: number
  readonly zeros: number
  readonly positive: BinRun
  readonly negative: BinRun
}

/**
 * Checks that stored data are the state of a sketch: the right shape, whole non-negative counts that add up to the
 * total, finite extremes in order.
 */
export function readSketchState(json: unknown): Result<{ state: SketchState }> {
  if (!isRecord(json)) return invalid('a stored sketch must be an object')
  const { relativeAccuracy, maxBins, count, sum, min, max, zeros } = json
  if (!(isNumber(relativeAccuracy) && relativeAccuracy >= 1e-4 && relativeAccuracy <= 0.5))
    return invalid(`relativeAccuracy of a stored sketch is ${relativeAccuracy}; it must be from 0.0001 to 0.5`)
  if (!(isNumber(maxBins) && Number.isInteger(maxBins) && maxBins >= 2 && maxBins <= 65_536))
    return invalid(`maxBins of a stored sketch is ${maxBins}; it must be a whole number from 2 to 65536`)
  const positive = readRun('positive', json['positive'], maxBins)
  if (!positive.ok) return positive
  const negative = readRun('negative', json['negative'], maxBins)
  if (!negative.ok) return negative
  if (!isNumber(count) || !isNumber(zeros) || !isNumber(sum))
    return invalid('count, zeros and sum of a stored sketch must be numbers')
  const bad = checkTotals(count, zeros, positive.total + negative.total) ?? checkExtremes(count, sum, min, max)
  if (bad !== undefined) return bad
  const extremes = isNumber(min) && isNumber(max) && count > 0 ? { min, max } : {}
  const runs = { positive: positive.run, negative: negative.run }
  return { ok: true, state: { relativeAccuracy, maxBins, count, sum, ...extremes, zeros, ...runs } }
}

function readRun(name: string, run: unknown, maxBins: number): Result<{ run: BinRun; total: number }> {
  if (!isRecord(run) || !Array.isArray(run['counts'])) return invalid(`${name} of a stored sketch must hold counts`)
  const { first, counts, collapsedUpTo } = run
  if (!isBin(first) || !(collapsedUpTo === undefined || isBin(collapsedUpTo)))
    return invalid(`the bin indices of ${name} of a stored sketch must be whole numbers`)
  if (counts.length > maxBins) return invalid(`${name} of a stored sketch has ${counts.length} bins, over ${maxBins}`)
  let total = 0
  for (const count of counts as readonly unknown[]) {
    if (!isNumber(count) || checkCount('bin', count) !== undefined)
      return invalid(`a bin of ${name} of a stored sketch counts ${count}; it must be a whole number of at least 0`)
    total += count
  }
  const bins = { first, counts: counts as readonly number[] }
  return { ok: true, run: collapsedUpTo === undefined ? bins : { ...bins, collapsedUpTo }, total }
}

function checkTotals(count: number, zeros: number, inBins: number): Failure | undefined {
  const bad = checkCount('count of a stored sketch', count) ?? checkCount('zeros of a stored sketch', zeros)
  if (bad !== undefined) return bad
  if (inBins + zeros === count) return undefined
  return invalid(`count of a stored sketch is ${count} but its bins hold ${inBins + zeros} values`)
}

function checkExtremes(count: number, sum: number, min: unknown, max: unknown): Failure | undefined {
  if (!Number.isFinite(sum)) return invalid(`sum of a stored sketch is ${sum}; it must be finite`)
  if (count === 0) return undefined
  if (isNumber(min) && isNumber(max) && Number.isFinite(min) && Number.isFinite(max) && min <= max) return undefined
  return invalid(`min and max of a stored sketch are ${min} and ${max}; both must be finite and in order`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function isBin(value: unknown): value is number {
  return isNumber(value) && Number.isInteger(value) && Math.abs(value) <= MAX_BIN_INDEX
}
