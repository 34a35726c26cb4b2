/** What a release's stages do to fleets, given the sizes that the endpoint declares: what cannot work, and what follows. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import type { Problem } from '../../core/errors.ts'
import type { RollingPlan, StagePlan } from '../../core/stage-plans.ts'
import { boundsOf, lengthOf, type RollBounds, rollRefusal } from '../../core/strategies/roll-plan.ts'

type Versions = { stable: string; candidate: string }

export function withEpochs(stage: StagePlan, versions: Versions, spec: EndpointSpec): StagePlan {
  if (stage.kind !== 'rolling') return stage
  return { ...stage, epochs: Math.max(1, lengthOf(boundsIn(stage, versions, spec)).epochs) }
}

function boundsIn(stage: RollingPlan, versions: Versions, { versions: declared }: EndpointSpec): RollBounds {
  const size = (version: string): number => declared[version]?.instances ?? 1
  return boundsOf(stage, { stable: size(versions.stable), candidate: size(versions.candidate) })
}

/** A roll that would never move is refused before it begins. */
export function rollProblems(stages: readonly StagePlan[], versions: Versions, spec: EndpointSpec): Problem[] {
  return stages.flatMap((stage, index): Problem[] => {
    if (stage.kind !== 'rolling') return []
    const fixed = [versions.stable, versions.candidate].find(name => spec.versions[name]?.backend.kind === 'url')
    const message =
      fixed === undefined
        ? rollRefusal(boundsIn(stage, versions, spec))
        : `the servers of ${fixed} run elsewhere, so that their number cannot be changed: use canary`
    return message === null ? [] : [{ path: `stages[${index}].rolling`, message }]
  })
}
