import { checkCount, type Failure, invalid, type Result } from '../result.ts'

/**
 * The sufficient statistics of a linear regression, updated one row at a time: the triangular factor of the matrix whose
 * columns are 1, the covariates, the treatment and the outcome. Products of sums would lose the digits that Givens
 * rotations keep. Plain JSON.
 */
export type TriangularRegression = {
  /** How many rows. */
  readonly n: number
  /** How many covariates, besides the constant. */
  readonly covariates: number
  /** Row i holds the entries from the diagonal on. */
  readonly triangle: readonly (readonly number[])[]
}

const COVARIATES_MAX = 200

/** The regression before any row. */
export function startRegression({ covariates }: { covariates: number }): Result<{ state: TriangularRegression }> {
  const bad = checkCount('the number of covariates', covariates)
  if (bad !== undefined) return bad
  if (covariates > COVARIATES_MAX)
    return invalid(`there are ${covariates} covariates; there may be at most ${COVARIATES_MAX}`)
  const size = covariates + 3
  const triangle = Array.from({ length: size }, (_, row) => Array.from({ length: size - row }, () => 0))
  return { ok: true, state: { n: 0, covariates, triangle } }
}

/**
 * The regression with one more row: `treatment` is 1 for the candidate and 0 for the stable arm (or a dose).
 *
 * @use Once for each independent unit; covariates are what was known of it before the treatment.
 * @assumes Nothing; `anytimeRegression` does.
 * @formula Givens rotations of the row (1, covariates, treatment, outcome) into the triangle.
 * @source Golub & Van Loan, "Matrix Computations", 4th edition, 2013, sections 5.1.8 and 6.5.
 * @degenerate Refuses numbers that are not finite and rows of another length.
 */
export function addToRegression({
  state,
  covariates,
  treatment,
  outcome,
}: {
  state: TriangularRegression
  covariates: readonly number[]
  treatment: number
  outcome: number
}): Result<{ state: TriangularRegression }> {
  if (covariates.length !== state.covariates)
    return invalid(`there are ${covariates.length} covariates; there must be ${state.covariates}`)
  const row = [1, ...covariates, treatment, outcome]
  return rotated(state, [row], state.n + 1)
}

/** Both regressions as one; rows may be in either, in any order. */
export function mergeRegressions(
  a: TriangularRegression,
  b: TriangularRegression,
): Result<{ state: TriangularRegression }> {
  if (a.covariates !== b.covariates)
    return invalid(`one regression has ${a.covariates} covariates, the other ${b.covariates}`)
  const padded = b.triangle.map((row, index) => [...Array.from({ length: index }, () => 0), ...row])
  return rotated(a, padded, a.n + b.n)
}

function rotated(
  { covariates, triangle }: TriangularRegression,
  rows: readonly (readonly number[])[],
  n: number,
): Result<{ state: TriangularRegression }> {
  const next = triangle.map(row => [...row])
  for (const row of rows) rotate(next, [...row])
  const bad = checkFinite(next)
  return bad ?? { ok: true, state: { n, covariates, triangle: next } }
}

/** Rotates one row into the triangle, in place, column by column. */
function rotate(triangle: readonly number[][], row: number[]): void {
  for (const [column, entries] of triangle.entries()) {
    const [diagonal = 0, entry = 0] = [entries[0], row[column]]
    if (entry === 0) continue
    const length = Math.hypot(diagonal, entry)
    const [cosine, sine] = [diagonal / length, entry / length]
    for (const [offset, old] of entries.entries()) {
      const other = row[column + offset] ?? 0
      entries[offset] = cosine * old + sine * other
      row[column + offset] = cosine * other - sine * old
    }
  }
}

function checkFinite(triangle: readonly (readonly number[])[]): Failure | undefined {
  if (triangle.every(row => row.every(Number.isFinite))) return undefined
  return invalid('a covariate, treatment or outcome is not a finite number, or too large')
}
