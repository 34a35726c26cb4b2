/**
 * Recreate: all of the old version is stopped before the new one is started, for where both do not fit at once. In the gap
 * callers are held or told to come back. A new version that does not become ready is stopped, and the old one started
 * again, before the gap ends.
 */
import { assertNever } from '../errors.ts'
import type { RecreatePlan } from '../stage-plans.ts'
import type { Gap } from '../traffic.ts'
import { begin, type FleetStep, idleScript, proceed, type Script, type Scripted, saysOf } from './fleet-steps.ts'
import { type StageContext, type StageEvent, type StageResult, type Strategy, unchanged } from './strategy.ts'

export type RecreateState = {
  kind: 'recreate'
  going: 'forward' | 'back'
  /** Null before the stage has begun, or where it is to go back after it has passed. */
  script: Script | null
}

const stepsInAll = 3

export const recreate: Strategy<RecreatePlan, RecreateState> = {
  mindsFleets: true,
  goesBack: true,
  initial: () => ({ kind: 'recreate', going: 'forward', script: null }),
  // Nothing of the candidate runs before the old version has ended.
  needs: () => [],
  refusesPromotion: () => 'the old version is being replaced; the new one is promoted as soon as it is ready',

  progress: (_plan, { script }) => ({
    step: script === null ? null : stepsInAll - Math.max(1, Math.min(stepsInAll, script.todo.length - 1)),
    steps: stepsInAll,
    says: script === null ? null : saysOf(script),
  }),

  step(plan, state, event, context): StageResult<RecreateState> {
    switch (event.type) {
      case 'entered':
        return enter(plan, state, { atMs: event.atMs, context })
      case 'return':
        return goBack(plan, state, { atMs: event.atMs, context })
      case 'fleet':
      case 'applied':
      case 'tick':
      case 'restarted':
        return goOn(state, event, context)
      case 'judged':
      case 'approved':
      case 'trial':
      case 'arms':
        return unchanged(state)
      default:
        return assertNever(event)
    }
  },
}

type At = { atMs: number; context: StageContext }

function enter(plan: RecreatePlan, state: RecreateState, at: At): StageResult<RecreateState> {
  const script = idleScript(at.context, at.atMs)
  const instances = at.context.declared[script.versions.candidate] ?? 1
  const start: FleetStep = { do: 'resize', side: 'candidate', instances }
  const runsAlready = at.context.fleets[script.versions.candidate] === 'ready'
  // An earlier stage had both running: then no gap is needed.
  const swap: FleetStep[] = runsAlready ? [] : [closing(plan), { do: 'resize', side: 'stable', instances: 0 }]
  const reason = `${script.versions.candidate} is ready`
  return said(state, begin(script, [...swap, start, { do: 'pass', reason, keepMs: plan.watchMs }], at))
}

function closing({ holdMs, retryAfterMs }: RecreatePlan): FleetStep & { gap: Gap } {
  return { do: 'gap', gap: { holdMs, retryAfterMs } }
}

function goOn(state: RecreateState, event: StageEvent, context: StageContext): StageResult<RecreateState> {
  const { script } = state
  if (script === null) return unchanged(state)
  const step = script.todo[0]
  const isStarting = state.going === 'forward' && step?.do === 'resize' && step.side === 'candidate'
  if (isStarting && event.type === 'fleet' && event.state === 'failed' && event.version === script.versions.candidate) {
    const reason = `${event.version} did not become ready: ${event.reason}`
    return { state, commands: [{ type: 'failed', cause: 'never-ready', reason }] }
  }
  return said(state, proceed(script, event, context))
}

/** First the candidate ends, for it may hold what the old version needs; then that is started, and then the gap ends. */
function goBack(plan: RecreatePlan, state: RecreateState, at: At): StageResult<RecreateState> {
  const script = state.script ?? idleScript(at.context, at.atMs)
  const instances = at.context.declared[script.versions.stable] ?? 1
  const restore: FleetStep[] = [{ do: 'resize', side: 'stable', instances }, { do: 'return' }]
  const todo = [...whatEndsFirst(plan, state.script, script.sizes.stable), ...restore]
  return said({ ...state, going: 'back' }, begin(script, todo, at))
}

function whatEndsFirst(plan: RecreatePlan, script: Script | null, stableSize: number): FleetStep[] {
  const end: FleetStep = { do: 'resize', side: 'candidate', instances: 0 }
  const step = script?.todo[0]
  // The old version still serves, or has been told to end and must have ended before it is started again.
  if (step?.do === 'gap') return []
  if (step?.do === 'resize' && step.side === 'stable') return [step]
  if (stableSize > 0) return []
  return script === null ? [closing(plan), end] : [end]
}

function said(state: RecreateState, { script, commands }: Scripted): StageResult<RecreateState> {
  return script === state.script ? unchanged(state) : { state: { ...state, script }, commands }
}
