import { expect, it } from 'vitest'
import { versionView } from '../../src/api/version-view.ts'
import { fleetWord } from '../../src/contract/words/readiness.ts'
import { abTestPlan, two } from '../support/ab-tests.ts'
import { type LiveCore, liveCore } from '../support/live-core.ts'
import { happen, releasePlan } from '../support/releases.ts'

/** The roles of all versions, by name. */
function rolesOf(live: LiveCore): Record<string, string> {
  const state = live.state()
  const endpoint = state.endpoints['digits']
  if (endpoint === undefined) throw new Error('there is no endpoint digits')
  const versions = Object.values(endpoint.spec.versions)
  return Object.fromEntries(
    versions.map(version => [version.name, versionView({ version, endpoint, state, instances: () => [] }).role]),
  )
}

it('every version that a release tries is a candidate, and idle once the release is over', () => {
  const live = liveCore()
  live.happen(happen.applied())
  expect(rolesOf(live)).toEqual({ v1: 'stable', v2: 'idle', v3: 'idle' })
  live.happen(happen.released(releasePlan({ stages: [abTestPlan({ ...two })] })))
  expect(rolesOf(live)).toEqual({ v1: 'stable', v2: 'candidate', v3: 'candidate' })
  live.happen({ type: 'operator', release: 'digits-1', verb: 'abort', actor: 'ann', note: null })
  expect(rolesOf(live)).toEqual({ v1: 'stable', v2: 'idle', v3: 'idle' })
})

it('a fleet of which nobody answers any more is down, whatever it was', () => {
  expect(fleetWord({ fleet: 'ready', instancesReady: 0 })).toBe('down')
  expect(fleetWord({ fleet: 'ready', instancesReady: 1 })).toBe('ready')
  expect(fleetWord({ fleet: 'starting', instancesReady: 0 })).toBe('starting')
})
