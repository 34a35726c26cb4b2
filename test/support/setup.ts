/**
 * A regular expression where a text is expected matches it. Without this `toMatchObject` takes every text for equal to
 * every regular expression, since that has no fields of its own: such a test could not fail.
 */
import { expect } from 'vitest'

expect.addEqualityTesters([
  (actual: unknown, expected: unknown): boolean | undefined => {
    if (!(expected instanceof RegExp) || actual instanceof RegExp) return undefined
    return typeof actual === 'string' && expected.test(actual)
  },
])
