// Writes the published test vectors of assignment: test/core/assign-vectors.json and the tables in docs/assignment.md.
// They are a promise: if this script changes a line that exists, every unit may change its version.
import { readFileSync, writeFileSync } from 'node:fs'
import { bucketOf, murmur3, saltSeed, versionAt } from '../src/core/assign.ts'
import { moveTable, soleTable, type TrafficTable, type Weights } from '../src/core/traffic.ts'

type UnitVector = { salt: string; unit: string; seed: number; hash: number; bucket: number }
type StepVector = {
  weights: Weights
  segments: readonly { version: string; startPpm: number; endPpm: number }[]
  versions: Readonly<Record<string, string>>
}
export type AssignVectors = { units: readonly UnitVector[]; steps: readonly StepVector[] }

const salts = ['digits', '', 'größe/2']
const units = [
  ...['', 'a', 'ab', 'abc', 'abcd', 'abcde', '0', 'user-1', 'user-2', 'user-3', ' user-1', 'User-1'],
  ...['9007199254740993', '0b9c5f0e-4c2b-4a56-9f3e-6f1d2f7c8a90', 'ann@example.org'],
  ...['Zoë', 'Zoe\u0308', 'ключ', '鍵', '🗝️', 'e\u0000f', 'x'.repeat(512)],
]

function unitVector(salt: string, unit: string): UnitVector {
  const seed = saltSeed(salt)
  return { salt, unit, seed, hash: murmur3(new TextEncoder().encode(unit), seed), bucket: bucketOf(unit, seed) }
}

/** A release from its first percent to its end, then a step back: what each change does to the segments. */
const road: readonly Weights[] = [
  { v1: 1_000_000 },
  { v1: 990_000, v2: 10_000 },
  { v1: 750_000, v2: 250_000 },
  { v1: 500_000, v2: 250_000, v3: 250_000 },
  { v1: 600_000, v2: 150_000, v3: 250_000 },
  { v2: 1_000_000 },
]
const buckets = [0, 499_999, 500_000, 749_999, 750_000, 989_999, 990_000, 999_999]

function stepVector(table: TrafficTable): StepVector {
  const { weights, segments } = table
  const versions = buckets.map(bucket => [String(bucket), versionAt(table, bucket)] as const)
  return { weights, segments, versions: Object.fromEntries(versions) }
}

export function assignVectors(): AssignVectors {
  let table = soleTable({ endpoint: 'digits', version: 'v1', epoch: 1, salt: 'digits' })
  const steps = road.map((weights, index) => {
    if (index > 0) table = moveTable(table, { weights, stable: 'v1', release: 'r1' })
    return stepVector(table)
  })
  return { units: salts.flatMap(salt => units.map(unit => unitVector(salt, unit))), steps }
}

/** The vectors as people read them. */
export function vectorTables({ units, steps }: AssignVectors): string {
  const rows = units.map(({ salt, unit, hash, bucket }) => `${show(salt)}  ${show(unit)}  ${hash}  ${bucket}`)
  const moves = steps.map(
    ({ weights, segments }) => `${showWeights(weights)}  ->  ${segments.map(showSegment).join(' ')}`,
  )
  const unitTable = ['salt, unit, hash, bucket:', '', ...rows]
  const moveTable = ['weights -> segments, each change made from the line before:', '', ...moves]
  return ['```text', ...unitTable, '', ...moveTable, '```'].join('\n')
}

function show(text: string): string {
  const short = text.length > 40 ? `${JSON.stringify(text.slice(0, 1))}×${text.length}` : JSON.stringify(text)
  return short.replaceAll('\u0308', '\\u0308')
}

function showWeights(weights: Weights): string {
  return Object.entries(weights)
    .map(([version, ppm]) => `${version} ${ppm}`)
    .join(', ')
}

function showSegment({ version, startPpm, endPpm }: { version: string; startPpm: number; endPpm: number }): string {
  return `${version}[${startPpm}, ${endPpm})`
}

export const vectorsFile = 'test/core/assign-vectors.json'
export const pageFile = 'docs/assignment.md'
const marks = ['<!-- vectors: made by scripts/assignment-vectors.ts -->\n\n', '\n\n<!-- end of vectors -->'] as const

/** The page with its tables made anew. */
export function pageWith(page: string, tables: string): string {
  const [start, end] = marks.map(mark => page.indexOf(mark))
  if (start === undefined || end === undefined || start < 0 || end < start) throw new Error(`${pageFile} has no marks`)
  return page.slice(0, start + marks[0].length) + tables + page.slice(end)
}

if (import.meta.main) {
  const vectors = assignVectors()
  writeFileSync(vectorsFile, `${JSON.stringify(vectors, null, 1)}\n`)
  writeFileSync(pageFile, pageWith(readFileSync(pageFile, 'utf8'), vectorTables(vectors)))
}
