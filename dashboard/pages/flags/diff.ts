/** Differences of a change as lines: what was taken out, what was put in. */
import type { WireFlagChange } from '../../../src/contract/wire/flag.ts'
import { percent } from '../../../src/contract/words/quantities.ts'

type Difference = WireFlagChange['differences'][number]

export type DiffLine = { path: string; mark: '-' | '+'; text: string }

/** A removed line before an added one; a value that was not there, or is no longer, has one line. */
export function diffLines(differences: readonly Difference[]): DiffLine[] {
  return differences.flatMap(({ path, before, after }): DiffLine[] => [
    ...(isNothing(before) ? [] : [{ path, mark: '-' as const, text: shown(path, before) }]),
    ...(isNothing(after) ? [] : [{ path, mark: '+' as const, text: shown(path, after) }]),
  ])
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null
}

/** Weights are parts in a million and times are milliseconds, in the log as in the differences. */
function shown(path: string, value: unknown): string {
  if (typeof value === 'number' && /(^|\.)weights\.[^.]+$/.test(path)) return percent(value)
  if (typeof value === 'number' && /(^|\.)(at|from|until)Ms$/.test(path)) return new Date(value).toISOString()
  return JSON.stringify(value, (key, inner) => inWords(key, inner)) ?? '-'
}

function inWords(key: string, value: unknown): unknown {
  if (key === 'weights' && typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, ppm]) => [name, percent(Number(ppm))]))
  return typeof value === 'number' && /^(at|from|until)Ms$/.test(key) ? new Date(value).toISOString() : value
}
