import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { CutoverError } from '../../src/core/errors.ts'
import { limits } from '../../src/core/limits.ts'
import { emptyState } from '../../src/core/state.ts'
import { readEvidence } from '../../src/main/read-evidence.ts'

function reading() {
  const uptime = createManualClock()
  const lines: string[] = []
  const logger = pino({ base: null }, { write: line => void lines.push(JSON.parse(line).msg) })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const again: PromiseWithResolvers<void>[] = []
  const goOn = () => {
    const next = Promise.withResolvers<void>()
    again.push(next)
    return next.promise
  }
  const { soon, close } = readEvidence({ rebuild: () => promise, goOn }, { state: () => emptyState, logger, uptime })
  let isSoon = false
  soon.then(
    () => {
      isSoon = true
    },
    () => {},
  )
  const turn = () => new Promise(done => setImmediate(done))
  return { uptime, lines, resolve, reject, soon, close, turn, again, isSoon: () => isSoon }
}

const failure = new CutoverError('store-failed', 'disk')

describe('a server that comes up', () => {
  it('waits for its evidence, and says nothing where that is soon there', async () => {
    const { soon, resolve, uptime, turn, lines, isSoon } = reading()
    uptime.advance(limits.rebuildWaitMs - 1)
    await turn()
    expect(isSoon()).toBe(false)
    resolve()
    await soon
    uptime.advance(limits.rebuildWaitMs)
    expect(lines).toEqual([])
  })

  it('lets callers in when it takes long, says so, and says when it is over', async () => {
    const { soon, resolve, uptime, turn, lines } = reading()
    uptime.advance(limits.rebuildWaitMs)
    await soon
    expect(lines).toEqual([expect.stringContaining('callers are served, and releases stand still')])
    resolve()
    await turn()
    expect(lines[1]).toContain('releases go on')
  })

  it('does not start where its evidence cannot be read', async () => {
    const { soon, reject } = reading()
    reject(new Error('disk'))
    await expect(soon).rejects.toThrow('disk')
  })

  it('goes on serving where that shows later, says what stands still, and tries again, ever more seldom', async () => {
    const { soon, reject, uptime, turn, lines, again } = reading()
    uptime.advance(limits.rebuildWaitMs)
    await soon
    reject(failure)
    await turn()
    let pauseMs: number = limits.rebuildRetryMinMs
    for (let tries = 1; tries < 12; tries += 1) {
      expect(lines.slice(1)).toEqual(Array.from({ length: tries }, () => expect.stringContaining('is tried again')))
      uptime.advance(pauseMs - 1)
      expect(again).toHaveLength(tries - 1)
      uptime.advance(1)
      expect(again).toHaveLength(tries)
      again.at(-1)?.reject(failure)
      await turn()
      pauseMs = Math.min(2 * pauseMs, limits.rebuildRetryMaxMs)
    }
    uptime.advance(limits.rebuildRetryMaxMs)
    again.at(-1)?.resolve()
    await turn()
    expect(lines.at(-1)).toContain('releases go on')
  })

  it('does not try again what failed by a fault of its own: a batch might count twice', async () => {
    const { soon, reject, uptime, turn, lines, again } = reading()
    uptime.advance(limits.rebuildWaitMs)
    await soon
    reject(new TypeError('a fault'))
    await turn()
    uptime.advance(limits.rebuildRetryMaxMs)
    expect([lines[1], again]).toEqual([expect.stringContaining('until the next start'), []])
  })

  it('tries nothing again once it ends', async () => {
    const { soon, reject, uptime, turn, close, again } = reading()
    uptime.advance(limits.rebuildWaitMs)
    await soon
    reject(failure)
    await turn()
    close()
    uptime.advance(limits.rebuildRetryMaxMs)
    expect(again).toEqual([])
  })

  it('says nothing of what fails because it ends', async () => {
    const { soon, reject, close, turn, lines } = reading()
    close()
    await soon
    reject(new Error('closed'))
    await turn()
    expect(lines).toEqual([])
  })
})
