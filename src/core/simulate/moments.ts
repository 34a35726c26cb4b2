/** The moments at which a release may move by time alone: a simulation looks exactly then, whatever its pace. */
import { type StagePlan, stageAt } from '../stage-plans.ts'
import type { ReleaseState } from '../state.ts'
import type { StageState } from '../strategies/table.ts'

/** Those that are still to come, or not; in no order. */
export function momentsOf(release: ReleaseState): number[] {
  const { phase, plan, startedAtMs } = release
  if (phase.kind === 'probation') return [phase.untilMs]
  if (phase.kind !== 'running') return []
  const agedMs = startedAtMs + (plan.minimumAgeMs ?? 0)
  return [agedMs, ...stageMoments(stageAt(plan.stages, phase.stageIndex), phase.stage)]
}

function stageMoments(plan: StagePlan, state: StageState): number[] {
  switch (plan.kind) {
    case 'canary': {
      if (state.kind !== 'canary') return []
      const step = plan.steps[state.stepIndex]
      return step === undefined ? [] : after(state.stepSinceMs, step.floorMs, step.ceilingMs)
    }
    case 'shadow':
      return state.kind === 'shadow' && state.sinceMs !== null ? after(state.sinceMs, plan.floorMs, plan.ceilingMs) : []
    case 'abTest':
      return state.kind === 'abTest' ? after(state.sinceMs, plan.floorMs, plan.ceilingMs) : []
    case 'bandit':
      return state.kind === 'bandit' ? [state.updatedMs + plan.updateMs, state.enteredMs + plan.ceilingMs] : []
    case 'blueGreen':
      return state.kind === 'blueGreen'
        ? [
            ...after(state.readySinceMs, plan.afterMs, plan.afterMs + plan.watchMs),
            state.switchedAtMs + plan.watchMs,
            state.tryFromMs,
          ]
        : []
    case 'rolling':
      return state.kind === 'rolling' && state.script !== null
        ? after(state.script.sinceMs, plan.minReadyMs, plan.progressDeadlineMs)
        : []
    case 'recreate':
      return state.kind === 'recreate' && state.script !== null ? after(state.script.sinceMs, plan.watchMs) : []
  }
}

function after(sinceMs: number, ...durations: readonly (number | null)[]): number[] {
  return durations.flatMap(one => (one === null ? [] : [sinceMs + one]))
}
