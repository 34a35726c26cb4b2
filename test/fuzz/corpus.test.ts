/** What fuzzers found once stays right; and each of them still looks at a few inputs that nobody has seen. */
import { afterAll, describe, expect, test } from 'vitest'
import { drawFrom } from './answer-bytes.ts'
import { corpusOf } from './fuzzer.ts'
import { fuzzers } from './fuzzers.ts'
import { mutate } from './mutate.ts'

const seed = process.env['CI'] === 'true' ? 1 : Date.now() % 1_000_000

afterAll(async () => {
  for (const fuzzer of fuzzers) await fuzzer.close?.()
})

describe.each(fuzzers)('$name', fuzzer => {
  test('what was found once stays right', async () => {
    for (const { file, input } of corpusOf(fuzzer.name)) expect([file, await fuzzer.check(input)]).toEqual([file, null])
  })

  test('nor do the first inputs of a new seed show anything', async () => {
    for (let tried = 0; tried < 30; tried += 1) {
      const draw = drawFrom(seed + tried)
      const made = fuzzer.make(draw)
      const input = draw.chance(0.5) ? made : mutate(made, fuzzer.make(draw), draw)
      expect([seed + tried, await fuzzer.check(input)]).toEqual([seed + tried, null])
    }
  })
})
