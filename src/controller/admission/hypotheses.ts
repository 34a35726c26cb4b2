/** Writes what was planned into the A/B tests of a release that begins. */
import { hypothesisOf } from '../../core/hypothesis.ts'
import type { StagePlan } from '../../core/stage-plans.ts'
import type { Baselines } from '../../ports/baselines.ts'
import type { ReleaseRequest } from '../control-plane.ts'

export async function withHypotheses(
  request: ReleaseRequest,
  stable: string,
  baselines: Baselines,
): Promise<ReleaseRequest> {
  const { endpoint } = request
  const stages: StagePlan[] = []
  for (const stage of request.stages) {
    if (stage.kind !== 'abTest') {
      stages.push(stage)
      continue
    }
    const answer = await baselines.read({ endpoint, version: stable, goal: stage.goal })
    stages.push({ ...stage, hypothesis: hypothesisOf(stage, stable, answer) })
  }
  return { ...request, stages }
}

/** As it was asked for: what was known when a release began is not part of the question. */
export function withoutHypotheses<Asked extends Pick<ReleaseRequest, 'stages'>>(asked: Asked): Asked {
  const stages = asked.stages.map((stage): StagePlan => {
    if (stage.kind !== 'abTest') return stage
    const { hypothesis: _known, ...rest } = stage
    return rest
  })
  return { ...asked, stages }
}
