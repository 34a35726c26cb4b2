import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AssignVectors,
  assignVectors,
  pageFile,
  pageWith,
  vectorsFile,
  vectorTables,
} from '../../scripts/assignment-vectors.ts'
import { assign, bucketOf, hashText, murmur3, saltSeed, versionAt } from '../../src/core/assign.ts'
import { soleTable, totalVariationPpm } from '../../src/core/traffic.ts'

const published = JSON.parse(readFileSync(vectorsFile, 'utf8')) as AssignVectors
const utf8 = new TextEncoder()

describe('the published vectors', () => {
  test('hold, every one', () => {
    expect(published.units.length).toBeGreaterThanOrEqual(60)
    const found = published.units.map(({ salt, unit }) => {
      const seed = saltSeed(salt)
      return { salt, unit, seed, hash: murmur3(utf8.encode(unit), seed), bucket: bucketOf(unit, seed) }
    })
    expect(found).toEqual(published.units)
  })

  test('hold for texts as for their bytes, ASCII or not', () => {
    const texts = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
    fc.assert(
      fc.property(texts, fc.nat(0xffffffff), (text, seed) => {
        expect(hashText(text, seed)).toBe(murmur3(utf8.encode(text), seed))
      }),
    )
  })

  test('of the algorithm’s author and others hold: they do not come from this code', () => {
    const foreign: readonly [string, number, number][] = [
      ['', 0, 0],
      ['', 1, 0x514e28b7],
      ['', 0xffffffff, 0x81f16f39],
      ['test', 0, 0xba6bd213],
      ['test', 0x9747b28c, 0x704b81dc],
      ['Hello, world!', 0, 0xc0363e43],
      ['Hello, world!', 0x9747b28c, 0x24884cba],
      ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
      ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
      ['aaaa', 0x9747b28c, 0x5a97808a],
      ['ππππππππ', 0x9747b28c, 0xd58063c1],
    ]
    expect(foreign.map(([text, seed]) => murmur3(utf8.encode(text), seed))).toEqual(foreign.map(([, , hash]) => hash))
  })

  test('are the tables of the page', () => {
    const page = readFileSync(pageFile, 'utf8')
    expect(pageWith(page, vectorTables(published))).toBe(page)
    expect(assignVectors()).toEqual(published)
  })

  test('of changing weights move no more than the total variation', () => {
    const { steps } = published
    const served = (step: (typeof steps)[number], bucket: number) =>
      versionAt({ ...soleTable({ endpoint: 'e', version: 'v1', epoch: 1, salt: '' }), segments: step.segments }, bucket)
    for (let i = 1; i < steps.length; i++) {
      const [before, after] = [steps[i - 1], steps[i]]
      if (before === undefined || after === undefined) throw new Error('a step is missing')
      let moved = 0
      for (let bucket = 0; bucket < 1_000_000; bucket += 1_000) {
        if (served(before, bucket) !== served(after, bucket)) moved += 1_000
      }
      expect(moved).toBe(totalVariationPpm(before.weights, after.weights))
    }
  })
})

test('the greatest hash falls into the last bucket, not beyond', () => {
  expect(Math.floor((0xffffffff * 1_000_000) / 2 ** 32)).toBe(999_999)
})

test('the first rule that matches names the version, with certainty', () => {
  const table = {
    ...soleTable({ endpoint: 'e', version: 'v1', epoch: 1, salt: '' }),
    rules: [
      { header: 'x-a', equals: '1', version: 'v2' },
      { header: 'x-b', equals: '1', version: 'v3' },
    ],
  }
  const chosen = (headers: Record<string, string>) =>
    assign(table, { unit: 'u', seed: 0, header: name => headers[name] })
  expect(chosen({ 'x-a': '1', 'x-b': '1' })).toEqual({ version: 'v2', propensity: 1, byRule: true })
  expect(chosen({ 'x-a': '2', 'x-b': '1' })).toEqual({ version: 'v3', propensity: 1, byRule: true })
  expect(chosen({ 'x-a': '2' })).toEqual({ version: 'v1', propensity: 1, byRule: false })
})
