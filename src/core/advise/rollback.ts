/** How long it takes until callers are back on the stable version once that is decided. */
import { type EndpointSpec, readyTimeoutOf } from '../endpoint.ts'
import { assertNever } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ReleasePlan } from '../plan.ts'
import type { RollingPlan, StagePlan } from '../stage-plans.ts'
import { boundsOf, lengthOf } from '../strategies/roll-plan.ts'

/** `atMost`: it is a bound; the true time is that of starting a model. */
export type Rollback = { ms: number; atMost: boolean; says: string }

/** Of the stage that takes longest: a breach may come in any of them. */
export function rollbackOf(spec: EndpointSpec, plan: ReleasePlan): Rollback {
  const each = plan.stages.map(stage => ofStage(spec, plan, stage))
  return each.reduce((worst, one) => (one.ms > worst.ms ? one : worst), nothing)
}

const nothing: Rollback = { ms: 0, atMost: false, says: 'nobody has to be taken back: callers never met the candidate' }

function ofStage(spec: EndpointSpec, plan: ReleasePlan, stage: StagePlan): Rollback {
  const ms = limits.tickIntervalMs
  switch (stage.kind) {
    case 'shadow':
      return nothing
    case 'canary':
    case 'abTest':
    case 'bandit':
      return { ms, atMost: false, says: 'one traffic table, at the next look: the stable fleet still runs in full' }
    case 'blueGreen':
      return { ms, atMost: false, says: 'one traffic table, at the next look, as long as blue is kept warm' }
    case 'rolling':
      return rollBack(spec, plan, stage)
    case 'recreate':
      return {
        ms: backWithinMs(spec, plan),
        atMost: true,
        says: 'the old version is started again, and nobody is served until it is ready',
      }
    default:
      return assertNever(stage)
  }
}

function backWithinMs({ versions }: EndpointSpec, { from, readyTimeoutMs }: ReleasePlan): number {
  const old = versions[from]
  return old === undefined ? (readyTimeoutMs ?? limits.readyTimeoutMs) : readyTimeoutOf(old, readyTimeoutMs)
}

/** The same roll with the sides exchanged; instances have to become ready as well. */
function rollBack({ versions }: EndpointSpec, { from, to }: ReleasePlan, stage: RollingPlan): Rollback {
  const sizeOf = (version: string) => versions[version]?.instances ?? 1
  const { batches } = lengthOf(boundsOf(stage, { stable: sizeOf(to), candidate: sizeOf(from) }))
  const ms = Math.max(1, batches) * stage.minReadyMs
  return { ms, atMost: false, says: `${batches} batches back, and in each the time that instances take to start` }
}
