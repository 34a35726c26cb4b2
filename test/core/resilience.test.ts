import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultRetry, mayRepeat, type RetryPolicy, tellsOfTrouble } from '../../src/core/resilience.ts'

const generous: RetryPolicy = { attemptsMax: 3, budgetPpm: 1_000_000, repeatsPosts: true, statuses: [503] }

test.each([
  ['what was never sent, whatever it is', defaultRetry, 'POST', 1, 'backend-unreachable', true],
  ['not a POST that a server may have worked on', defaultRetry, 'POST', 1, 'backend-failed', false],
  ['what may be done twice', defaultRetry, 'GET', 1, 'backend-failed', true],
  ['a POST where the endpoint says so', generous, 'POST', 1, 'backend-timeout', true],
  ['a status that the endpoint names', generous, 'POST', 2, 503, true],
  ['no other status', generous, 'POST', 1, 502, false],
  ['no more often than it may', generous, 'GET', 3, 'backend-unreachable', false],
  ['nothing that the caller did', generous, 'GET', 1, 'client-closed', false],
  ['nothing that was refused for want of room', generous, 'GET', 1, 'overloaded', false],
] as const)('%s is repeated', (_what, policy, method, attempts, failure, expected) => {
  expect(mayRepeat(policy, { method, attempts, failure })).toBe(expected)
})

test('without a word of the endpoint no POST that was sent is ever sent again', () => {
  const failures = fc.constantFrom('backend-failed', 'backend-timeout', 'not-ready', 500, 503) as fc.Arbitrary<
    'backend-failed' | number
  >
  fc.assert(
    fc.property(fc.nat(5), failures, (attempts, failure) => {
      expect(mayRepeat(defaultRetry, { method: 'POST', attempts, failure })).toBe(false)
    }),
  )
})

test('a model that says 500 thinks so of the request; a proxy that says 503 is in trouble', () => {
  expect([500, 400, 200, 502, 503, 504].map(tellsOfTrouble)).toEqual([false, false, false, true, true, true])
})
