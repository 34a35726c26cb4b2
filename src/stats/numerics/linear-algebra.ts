/**
 * Linear equations with a symmetric positive definite matrix, by Cholesky's factorisation (Golub & Van Loan, Matrix
 * Computations, 4th edition, section 4.2), for small dimensions: a matrix is an array of rows.
 */

/** The lower triangle L with matrix = L L', row by row; `undefined` if the matrix is not positive definite in doubles. */
export type Cholesky = readonly (readonly number[])[]

/** Factors a symmetric matrix, of which only the lower triangle is read. */
export function choleskyFactor(matrix: readonly (readonly number[])[]): Cholesky | undefined {
  const factor: number[][] = []
  for (const [row, given] of matrix.entries()) {
    const current: number[] = []
    for (let column = 0; column <= row; column += 1) {
      const above = column === row ? current : (factor[column] ?? [])
      const rest = (given[column] ?? 0) - dot(current, above, column)
      if (column < row) current.push(rest / (above[column] ?? 0))
      else if (rest > 0 && Number.isFinite(rest)) current.push(Math.sqrt(rest))
      else return undefined
    }
    factor.push(current)
  }
  return factor
}

/** The solution x of matrix x = right, given the factor of the matrix. */
export function solveFactored(factor: Cholesky, right: readonly number[]): number[] {
  const solution = solveLower(factor, right)
  for (let row = factor.length - 1; row >= 0; row -= 1) {
    const value = (solution[row] ?? 0) / (factor[row]?.[row] ?? 0)
    solution[row] = value
    for (let column = 0; column < row; column += 1)
      solution[column] = (solution[column] ?? 0) - value * (factor[row]?.[column] ?? 0)
  }
  return solution
}

/** v' matrix^-1 v, as the squared length of L^-1 v: never negative. */
export function inverseQuadraticForm(factor: Cholesky, vector: readonly number[]): number {
  return solveLower(factor, vector).reduce((sum, value) => sum + value * value, 0)
}

/** The sum of the products of the first `length` elements. */
export function dot(left: readonly number[], right: readonly number[], length = left.length): number {
  let sum = 0
  for (let index = 0; index < length; index += 1) sum += (left[index] ?? 0) * (right[index] ?? 0)
  return sum
}

function solveLower(factor: Cholesky, right: readonly number[]): number[] {
  const solution: number[] = []
  for (const [row, coefficients] of factor.entries())
    solution.push(((right[row] ?? 0) - dot(coefficients, solution, row)) / (coefficients[row] ?? 0))
  return solution
}
