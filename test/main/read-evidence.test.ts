import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { limits } from '../../src/core/limits.ts'
import { emptyState } from '../../src/core/state.ts'
import { readEvidence } from '../../src/main/read-evidence.ts'

function reading() {
  const uptime = createManualClock()
  const lines: string[] = []
  const logger = pino({ base: null }, { write: line => void lines.push(JSON.parse(line).msg) })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const { soon, close } = readEvidence({ rebuild: () => promise }, { state: () => emptyState, logger, uptime })
  let isSoon = false
  soon.then(
    () => {
      isSoon = true
    },
    () => {},
  )
  const turn = () => new Promise(done => setImmediate(done))
  return { uptime, lines, resolve, reject, soon, close, turn, isSoon: () => isSoon }
}

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

  it('goes on serving where that shows later, and says what stands still', async () => {
    const { soon, reject, uptime, turn, lines } = reading()
    uptime.advance(limits.rebuildWaitMs)
    await soon
    reject(new Error('disk'))
    await turn()
    expect(lines[1]).toContain('stand still until the next start')
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
