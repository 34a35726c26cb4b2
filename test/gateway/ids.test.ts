import { describe, expect, it } from 'vitest'
import { createIds, isPredictionId } from '../../src/gateway/ids.ts'

const nowMs = Date.UTC(2026, 0, 1)

describe('ids of predictions', () => {
  it('are in order as texts, so that an index over them grows at its end', () => {
    const ids = createIds(nowMs)
    const made = Array.from({ length: 3_000 }, ids)
    expect(made).toEqual(made.toSorted())
  })

  it('are greater than those of a process that began in a minute before', () => {
    for (const laterMs of [60_000, 3_600_000, 50 * 365 * 24 * 3_600_000]) {
      const before = createIds(nowMs)
      const after = createIds(nowMs + laterMs)
      expect(after() > before()).toBe(true)
    }
  })

  it('are no ids of another process that began in the same minute', () => {
    const [one, other] = [createIds(nowMs), createIds(nowMs)]
    const made = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one() : other()))
    expect(new Set(made).size).toBe(made.length)
  })

  it('tell nobody the next one: six characters of each are drawn for it alone', () => {
    const ids = createIds(nowMs)
    const chance = Array.from({ length: 3_000 }, () => ids().slice(-6))
    expect(new Set(chance).size).toBe(chance.length)
    for (let place = 0; place < 6; place += 1)
      expect(new Set(chance.map(text => text[place])).size, `character ${place}`).toBe(64)
  })

  it('are what a caller may send back', () => {
    expect(isPredictionId(createIds(nowMs)())).toBe(true)
  })
})
