import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GatheredBytes } from '../../src/core/gathered-bytes.ts'

test('bytes are those of the pieces in their order, whatever becomes of the pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 60 }), pieces => {
      const gathered = new GatheredBytes()
      const expected = Buffer.concat(pieces)
      for (const piece of pieces) {
        gathered.add(piece)
        piece.fill(0)
      }
      expect([gathered.bytes, gathered.whole()]).toEqual([expected.length, expected])
    }),
  )
})

test('a million pieces of a byte take little more than a megabyte', () => {
  const gathered = new GatheredBytes()
  const piece = Uint8Array.of(7)
  const used = () => process.memoryUsage().heapUsed + process.memoryUsage().external
  const before = used()
  for (let i = 0; i < 1_000_000; i += 1) gathered.add(piece)
  expect(used() - before).toBeLessThan(30 * 1024 * 1024)
  expect(gathered.whole().every(byte => byte === 7)).toBe(true)
})
