import { describe, expect, test } from 'vitest'
import { falseClaims, frequencyBelieved, outcomesUntilBelieved } from './peeking.ts'

const RUNS = 60

describe('a false claim, looked at after every outcome, is seldom believed', () => {
  test.each(falseClaims)('$name', release => {
    const bound = release.alpha + 3 * Math.sqrt((release.alpha * (1 - release.alpha)) / RUNS)
    expect(frequencyBelieved(release, RUNS)).toBeLessThanOrEqual(bound)
  })
})

test('a candidate that fails half the time is found within a few hundred requests at a share of 5 %', () => {
  const stretches = [{ requests: 3000, share: 0.05, candidate: 0.5, stable: 0.1 }]
  const release = { stretches, claim: 'above', margin: 0.01, alpha: 0.05, delay: 0 } as const
  const needed = Array.from({ length: 21 }, (_, seed) => outcomesUntilBelieved(release, seed) ?? Number.MAX_VALUE)
  needed.sort((a, b) => a - b)
  expect(needed[10]).toBeLessThan(600)
  expect(needed[20]).toBeLessThan(2000)
})
