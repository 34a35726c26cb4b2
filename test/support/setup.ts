import fc from 'fast-check'
import { expect } from 'vitest'

/**
 * On a server of the project properties are drawn from one seed, so that a run that fails is about the change. Everybody
 * else draws anew each time, and what is found becomes an example or a better property.
 */
if (process.env['CI'] === 'true') fc.configureGlobal({ seed: 20_261_127 })

/**
 * A regular expression where a text is expected matches it. Without this `toMatchObject` takes every text for equal to
 * every regular expression, since that has no fields of its own: such a test could not fail.
 */
expect.addEqualityTesters([
  (actual: unknown, expected: unknown): boolean | undefined => {
    if (!(expected instanceof RegExp) || actual instanceof RegExp) return undefined
    return typeof actual === 'string' && expected.test(actual)
  },
])
