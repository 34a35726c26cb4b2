import { describe, expect, it } from 'vitest'
import { createServerLog } from '../../src/adapters/server-log/server-log.ts'

type Refusal = 'ENOSPC' | 'EPIPE' | 'EAGAIN'

/** A log on a file that takes `takes` bytes at a time, until its room is at an end. */
function rig(takes = Number.POSITIVE_INFINITY) {
  let written = ''
  let tries = 0
  let room = Number.POSITIVE_INFINITY
  let refusal: Refusal = 'ENOSPC'
  const write = (bytes: Uint8Array): number => {
    tries += 1
    if (room === 0) throw Object.assign(new Error(refusal), { code: refusal })
    const taken = bytes.subarray(0, Math.min(takes, room))
    room -= taken.length
    written += Buffer.from(taken).toString('latin1')
    return taken.length
  }
  return {
    log: createServerLog({ level: 'info', base: null, write }),
    leaveRoom(bytes: number, then: Refusal = 'ENOSPC') {
      room = bytes
      refusal = then
    },
    lines: () => written.split('\n').filter(line => line !== ''),
    tries: () => tries,
  }
}

describe("the server's log", () => {
  it.each(['ENOSPC', 'EPIPE'] as const)('loses the lines that end in %s, and tells how many', refusal => {
    const { log, leaveRoom, lines } = rig()
    log.info('before')
    leaveRoom(0, refusal)
    log.warn('lost')
    log.fatal('lost too')
    leaveRoom(10_000)
    log.info('after')
    expect(lines().map(line => JSON.parse(line))).toMatchObject([
      { msg: 'before' },
      { msg: 'after' },
      { msg: expect.stringContaining('are lost'), count: 2 },
    ])
  })

  it('writes a line whole that is taken in parts', () => {
    const { log, lines } = rig(7)
    log.info('a line of more than seven bytes')
    expect(lines().map(line => JSON.parse(line))).toMatchObject([{ msg: 'a line of more than seven bytes' }])
  })

  it('begins a line of its own after one that broke off', () => {
    const { log, leaveRoom, lines } = rig()
    leaveRoom(20)
    log.info('torn')
    leaveRoom(10_000)
    log.info('whole')
    expect(JSON.parse(lines()[1] ?? '')).toMatchObject({ msg: 'whole' })
  })

  it('waits for a slow reader at one line, and not again at each until it reads', () => {
    const { log, leaveRoom, tries } = rig()
    leaveRoom(0, 'EAGAIN')
    log.info('waits')
    const first = tries()
    log.info('does not')
    expect([first > 1, tries() - first]).toEqual([true, 1])
  })
})
