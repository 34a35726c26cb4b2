import { describe, expect, test } from 'vitest'
import { Blocks } from '../../src/core/blocks.ts'

describe('blocks of memory', () => {
  test('are used again once they are released, and never by two at a time', () => {
    const blocks = new Blocks({ blockBytes: 8, freeMax: 4 })
    const [one, other] = [blocks.copy(Buffer.from('one')), blocks.copy(Buffer.from('other'))]
    expect([one.toString(), other.toString()]).toEqual(['one', 'other'])
    expect(one.buffer).not.toBe(other.buffer)
    blocks.release(one)
    const next = blocks.copy(Buffer.from('next'))
    expect(next.buffer).toBe(one.buffer)
    expect([next.toString(), other.toString()]).toEqual(['next', 'other'])
    expect(blocks.take(1).buffer).not.toBe(next.buffer)
  })

  test('what is longer than a block has memory of its own, which is not kept', () => {
    const blocks = new Blocks({ blockBytes: 4, freeMax: 4 })
    const long = blocks.copy(Buffer.from('longer'))
    expect(long.toString()).toBe('longer')
    blocks.release(long)
    expect(blocks.take(6).buffer).not.toBe(long.buffer)
  })

  test('no more of them are kept than may be', () => {
    const blocks = new Blocks({ blockBytes: 4, freeMax: 1 })
    const [one, other] = [blocks.take(4), blocks.take(4)]
    blocks.release(one)
    blocks.release(other)
    const again = [blocks.take(4), blocks.take(4)]
    expect(again.filter(({ buffer }) => buffer === one.buffer || buffer === other.buffer)).toHaveLength(1)
  })
})
