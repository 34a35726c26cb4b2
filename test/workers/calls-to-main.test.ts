/** What a worker has the main thread do, and what it does where that is slow. */
import { expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { limits } from '../../src/core/limits.ts'
import { CallsToMain } from '../../src/workers/calls-to-main.ts'
import type { Call } from '../../src/workers/messages.ts'

it('a caller waits for no main thread that is slow to tell of a conversation', async () => {
  const clock = createManualClock()
  const sent: [number, Call][] = []
  const calls = new CallsToMain((id, call) => void sent.push([id, call]))
  const answered = { unit: 'u', version: 'v2' }
  const [soon, late] = ['r1', 'r2'].map(id => calls.recall({ endpoint: 'chat', id }, clock))
  expect(sent).toEqual([
    [1, { kind: 'recall', endpoint: 'chat', id: 'r1' }],
    [2, { kind: 'recall', endpoint: 'chat', id: 'r2' }],
  ])
  calls.replied(1, { kind: 'recalled', answered })
  expect(await soon).toEqual(answered)
  clock.advance(limits.workerRecallMs)
  calls.replied(2, { kind: 'recalled', answered })
  expect(await late).toBeNull()
})
