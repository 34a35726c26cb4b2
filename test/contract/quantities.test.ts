import { expect, it } from 'vitest'
import { shortPercent } from '../../src/contract/words/quantities.ts'

it.each([
  [333_333, '33.3%'],
  [50_000, '5%'],
  [123, '0.0123%'],
  [999_990, '99.999%'],
  [1_000_000, '100%'],
  [0, '0%'],
])('a weight of %i parts per million stands in a story as %s: short, and never all for nearly all', (ppm, text) => {
  expect(shortPercent(ppm)).toBe(text)
})
