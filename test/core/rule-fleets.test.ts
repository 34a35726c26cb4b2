/** Releases of an endpoint whose rules come and go, in any order: what runs is what somebody names, and what serves was ready. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ruleVersions } from '../../src/core/endpoint-rules.ts'
import type { Verdict } from '../../src/core/judge/judgement.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import { refusalOf } from '../../src/core/release/refusals.ts'
import type { EndpointState } from '../../src/core/state.ts'
import { fold } from '../../src/core/step.ts'
import { type LiveCore, liveCore } from '../support/live-core.ts'
import { canaryPlan, endpointSpec, happen, judgement, releasePlan } from '../support/releases.ts'
import { shadowPlan } from '../support/shadows.ts'

const stages: Readonly<Record<string, ReleasePlan['stages'][number]>> = {
  canary: canaryPlan(),
  replay: shadowPlan({ mode: 'replay' }),
  recreate: { kind: 'recreate', holdMs: 0, retryAfterMs: 1_000, watchMs: 0 },
  rolling: {
    kind: 'rolling',
    maxSurge: { count: 1 },
    maxUnavailable: { count: 0 },
    ...{ minReadyMs: 0, progressDeadlineMs: 60_000, minRequests: 0 },
  },
}

const inTwos = Object.fromEntries(
  Object.entries(endpointSpec().versions).map(([name, version]) => [name, { ...version, instances: 2 }]),
)
const applied = (named: string | null) =>
  happen.applied(
    endpointSpec({
      versions: inTwos,
      ...(named !== null && { rules: [{ header: 'x-beta', equals: '1', version: named }] }),
    }),
  )

const version = fc.constantFrom('v1', 'v2', 'v3')
type Deed = (live: LiveCore) => void
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.option(version).map(
    (named): Deed =>
      live =>
        live.happen(applied(named)),
  ),
  fc.tuple(fc.constantFrom(...Object.keys(stages)), version).map(
    ([kind, to]): Deed =>
      live =>
        release(live, kind, to),
  ),
  fc.constantFrom<Verdict>('pass', 'pass', 'insufficient', 'fail').map(
    (verdict): Deed =>
      live =>
        toActive(live, id => look(live, id, verdict)),
  ),
  fc.constantFrom('promote', 'abort', 'pause', 'resume').map(
    (verb): Deed =>
      live => {
        toActive(live, id => {
          const one = live.state().releases[id]
          if (one !== undefined && refusalOf(one, { verb }, live.nowMs()) === null) live.happen(happen.told(verb, id))
        })
      },
  ),
  version.map(
    (name): Deed =>
      live =>
        live.happen(happen.lost(name)),
  ),
  version.map(
    (name): Deed =>
      live => {
        live.silent.add(name)
        live.crash()
      },
  ),
  fc.constant<Deed>(comeUp),
  fc.constant<Deed>(live => live.wait(20_000)),
)

const endpointOf = (live: LiveCore) => live.state().endpoints['digits'] as EndpointState

function toActive(live: LiveCore, act: (id: string) => void): void {
  const { activeRelease } = endpointOf(live)
  if (activeRelease !== null) act(activeRelease)
}

function look(live: LiveCore, release: string, verdict: Verdict): void {
  live.happen({ type: 'judged', release, judgement: judgement(verdict) })
}

function release(live: LiveCore, kind: string, to: string): void {
  const { stable, activeRelease, releaseCount } = endpointOf(live)
  const stage = stages[kind]
  if (activeRelease !== null || to === stable || stage === undefined) return
  const own = stage.kind === 'shadow' ? { ...stage, challengers: [to] } : stage
  live.happen(happen.released(releasePlan({ from: stable, to, stages: [own] }), `digits-${releaseCount + 1}`))
}

/** Every fleet that is wanted comes up, as it is asked for again in time. */
function comeUp(live: LiveCore): void {
  live.silent.clear()
  const { fleets, sizes } = endpointOf(live)
  for (const [name, fleet] of Object.entries(fleets)) {
    const instances = sizes?.[name] ?? 2
    if (fleet !== 'ready') live.happen({ type: 'fleet-ready', endpoint: 'digits', version: name, instances })
  }
}

it('where no release runs, those that somebody names run, each with all its instances', () => {
  fc.assert(
    fc.property(fc.array(deed, { minLength: 15, maxLength: 25 }), deeds => {
      const live = liveCore()
      live.happen(applied(null))
      for (const one of deeds) {
        const before = endpointOf(live).table
        one(live)
        const { spec, stable, fleets, sizes, table, activeRelease } = endpointOf(live)
        const running = Object.keys(fleets).filter(name => fleets[name] !== 'absent')
        for (const [name, ppm] of Object.entries(table.weights))
          if (ppm > 0 && table.gap === undefined && before.gap === undefined) expect(running).toContain(name)
        if (activeRelease !== null) continue
        expect(running.toSorted()).toEqual([...new Set([stable, ...ruleVersions(spec)])].toSorted())
        expect(sizes).toBeUndefined()
        expect(table.weights).toEqual({ [stable]: 1_000_000 })
      }
      expect(fold(JSON.parse(JSON.stringify(live.log)))).toEqual(live.state())
    }),
    { numRuns: 250 },
  )
})
