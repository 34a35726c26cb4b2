/** A canary stage as it will run. */

import type { StageResource } from '../../contract/stages/stage.ts'
import type { CanaryPlan, CanaryStep, PacedReturn } from '../../core/stage-plans.ts'
import { durationMs, percentPpm } from '../quantities.ts'

type CanaryResource = NonNullable<StageResource['canary']>

export function compileCanary(canary: CanaryResource): CanaryPlan {
  const ceilingMs = durationMs(canary['at-most'])
  const steps = canary.steps.map(step => compileStep(step, ceilingMs)).filter(step => step.weightPpm < 1_000_000)
  return {
    kind: 'canary',
    steps,
    approval: canary.approval,
    minRequests: canary['min-requests'],
    ...(canary.control === 'equal' && { control: canary.control }),
    ...(canary.return !== undefined && { return: compileReturn(canary.return) }),
  }
}

function compileStep(step: CanaryResource['steps'][number], stageCeilingMs: number): CanaryStep {
  if (typeof step === 'string') return { weightPpm: percentPpm(step), floorMs: 0, ceilingMs: stageCeilingMs }
  const ceiling = step['at-most']
  return {
    weightPpm: percentPpm(step.weight),
    floorMs: step.for === undefined ? 0 : durationMs(step.for),
    ceilingMs: ceiling === undefined ? stageCeilingMs : durationMs(ceiling),
    ...(step.approve === true && { approve: true as const }),
  }
}

function compileReturn(paced: NonNullable<CanaryResource['return']>): PacedReturn {
  return {
    stepsPpm: paced.steps.map(percentPpm),
    everyMs: durationMs(paced.every),
    ...(paced['on-breach'] === 'paced' && { onBreach: true as const }),
  }
}
