import type { ReleasePlan } from '../../core/plan.ts'
import type { ReleaseRequest } from '../control-plane.ts'
import { withoutHypotheses } from './hypotheses.ts'

/** The plan as it was asked for, without what Cutover added by itself. */
export function askedOf(plan: ReleasePlan): ReleaseRequest {
  const { planVersion: _version, from: _from, labelWindowMs: _window, reason: _reason, ...asked } = plan
  return withoutHypotheses(asked)
}
