import { expect, it } from 'vitest'
import type { ControlState } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { tell } from '../../src/core/tell.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

const events = [
  { type: 'endpoint-applied', spec: endpointSpec(), actor: 'ada' },
  { type: 'fleet-ready', endpoint: 'digits', version: 'v1' },
  { type: 'release-started', release: 'digits-1', plan: releasePlan(), actor: 'ada' },
  { type: 'operator', release: 'digits-1', verb: 'abort', actor: 'ada', note: null },
  { type: 'release-started', release: 'digits-2', plan: releasePlan(), actor: 'ada' },
] as const

/** As after `events`; what is over cannot be read. */
function withSealedPast(): ControlState {
  const state = fold(events.map((event, index) => ({ seq: index + 1, atMs: 1_000 * index, event })))
  const releases = { ...state.releases }
  Object.defineProperty(releases, 'digits-1', {
    enumerable: true,
    get: () => {
      throw new Error('a release that is over was looked at')
    },
  })
  return { ...state, releases }
}

it('an event of a fleet copies no releases', () => {
  const state = withSealedPast()
  const event = { type: 'fleet-failed', endpoint: 'digits', version: 'v1', reason: 'gone' } as const
  const after = step(state, event, 9_000).state
  expect(after).not.toBe(state)
  expect(after.releases).toBe(state.releases)
})

it('the story of an event is told without looking at releases that are over', () => {
  const before = withSealedPast()
  const { 'digits-2': running } = before.releases
  if (running === undefined) throw new Error('nothing runs')
  const releases: ControlState['releases'] = Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(before.releases),
      'digits-2': { enumerable: true, value: { ...running } },
    },
  )
  const event = { type: 'operator', release: 'digits-2', verb: 'pause', actor: 'ada', note: null } as const
  const entries = tell(before, { seq: 6, atMs: 9_000, event }, { ...before, releases })
  expect(entries.map(({ release, kind }) => ({ release, kind }))).toContainEqual({
    release: 'digits-2',
    kind: 'operator',
  })
})
