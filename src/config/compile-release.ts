/** A Release document as the plan that the control plane starts. */
import type { ReleaseResource } from '../contract/resources.ts'
import type { ReleasePlan } from '../core/plan.ts'
import { compileChecks, compileGoals, compileGuardrails } from './compile-checks.ts'
import { compileFreeze } from './compile-freeze.ts'
import { compileGate as compileFlagGate } from './compile-gate.ts'
import { compileScopeRules } from './compile-scope.ts'
import { compileGate } from './compile-webhooks.ts'
import { durationMs } from './quantities.ts'
import { compileStage } from './stages/stage.ts'

/** A plan without what only the controller knows: the stable version that it starts from. */
export type RequestedRelease = Omit<ReleasePlan, 'from' | 'planVersion'>

/** A sample-ratio mismatch is called at this chance of a false alarm, the customary one for such alarms. */
const sampleRatioAlpha = 0.001

export function compileRelease(resource: ReleaseResource): RequestedRelease {
  const { 'ready-timeout': readyTimeout } = resource
  return {
    endpoint: resource.endpoint,
    to: resource.to,
    stages: resource.stages.map(stage => compileStage(stage, resource)),
    guardrails: compileGuardrails(resource.guardrails),
    signals: compileChecks(resource.signals),
    goals: compileGoals(resource.goals),
    minimumAgeMs: durationMs(resource['minimum-age']),
    coverageAlpha: sampleRatioAlpha,
    ...(resource.confirm.length > 0 && { gates: resource.confirm.map(compileGate) }),
    onFail: resource['on-fail'],
    ...(resource['on-conflict'] !== 'refuse' && { onConflict: resource['on-conflict'] }),
    probationMs: durationMs(resource.probation),
    sampleRatioAlpha,
    ...(readyTimeout !== undefined && { readyTimeoutMs: durationMs(readyTimeout) }),
    drainMs: durationMs(resource.drain),
    ...(resource.group !== undefined && { group: resource.group }),
    ...(resource.match !== undefined && { match: compileScopeRules(resource.match) }),
    ...flagsOf(resource),
    ...(resource.freeze.length > 0 && { freeze: compileFreeze(resource.freeze) }),
  }
}

/** Flags that the release waits for, then those of its stages. */
function flagsOf({ flag, stages }: ReleaseResource): Pick<ReleasePlan, 'flags'> {
  const whole = flag === undefined ? [] : [compileFlagGate(gateOf(flag))]
  const staged = stages.flatMap(({ flag: own }, stage) =>
    own === undefined ? [] : [{ ...compileFlagGate(gateOf(own)), stage }],
  )
  const flags = [...whole, ...staged]
  return flags.length === 0 ? {} : { flags }
}

function gateOf(gate: NonNullable<ReleaseResource['flag']>) {
  return typeof gate === 'string' ? { name: gate, is: undefined } : gate
}
