import { CutoverError } from '../../src/core/errors.ts'

/** The error that a call must throw; anything else fails the test. */
export function thrownBy(run: () => unknown): CutoverError {
  try {
    run()
  } catch (error) {
    if (error instanceof CutoverError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
