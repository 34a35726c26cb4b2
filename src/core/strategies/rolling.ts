/**
 * Rolling: the candidate replaces the stable version batch by batch within bounds of capacity. Traffic follows the
 * instances, so that every batch is a comparison at another weight; the next one starts only when this one has served
 * its time and its requests and no guardrail is crossed. The way back is a roll in the other direction.
 */
import { assertNever } from '../errors.ts'
import type { RollingPlan } from '../stage-plans.ts'
import {
  begin,
  type FleetStep,
  idleScript,
  proceed,
  type Script,
  type Scripted,
  type Side,
  type Sizes,
  saysOf,
} from './fleet-steps.ts'
import { whatPromotionNeeds } from './promotion-needs.ts'
import { batchBack, batchForward, boundsOf, lengthOf, type RollBounds, rollRefusal } from './roll-plan.ts'
import {
  type Judged,
  type StageCommand,
  type StageContext,
  type StageEvent,
  type StageResult,
  type Strategy,
  unchanged,
} from './strategy.ts'

export type RollingState = {
  kind: 'rolling'
  /** `lost`: the candidate cannot be kept running, so that there is nothing to pace. */
  going: 'forward' | 'back' | 'lost'
  /** Null before the stage has begun, or where it is to go back after it has passed. */
  script: Script | null
  bounds: RollBounds
  batch: number
  batches: number
  /** It holds, for want of evidence or of progress. */
  held: boolean
}

const noBounds: RollBounds = { whole: { stable: 0, candidate: 0 }, surge: 0, unavailable: 0 }

export const rolling: Strategy<RollingPlan, RollingState> = {
  mindsFleets: true,
  goesBack: true,
  initial: () => ({
    kind: 'rolling',
    going: 'forward',
    script: null,
    bounds: noBounds,
    batch: 0,
    batches: 0,
    held: false,
  }),
  needs: (_plan, { stable }) => [stable],

  refusesPromotion: ({ script, bounds }) =>
    script === null || script.sizes.candidate < bounds.whole.candidate
      ? 'not all instances of the new version run yet; the roll promotes it when they do'
      : null,

  progress: (_plan, { script, batch, batches, going }) => ({
    step: script === null ? null : Math.max(0, Math.min(batch, batches) - 1),
    steps: batches,
    says: script === null ? null : batchText(saysOf(script), { batch, batches, going }),
  }),

  step(plan, state, event, context): StageResult<RollingState> {
    switch (event.type) {
      case 'entered':
        return enter(plan, state, { atMs: event.atMs, context })
      case 'return':
        return goBack(plan, state, { atMs: event.atMs, context })
      case 'judged':
        return judged(plan, state, event, context)
      case 'fleet':
      case 'applied':
      case 'tick':
      case 'restarted':
        return goOn(plan, state, event, context)
      case 'approved':
      case 'trial':
      case 'arms':
        return unchanged(state)
      default:
        return assertNever(event)
    }
  },
}

function batchText(says: string | null, { batch, batches, going }: Pick<RollingState, 'batch' | 'batches' | 'going'>) {
  if (says === null || going !== 'forward') return says
  return `batch ${batch} of ${batches}: ${says}`
}

type At = { atMs: number; context: StageContext }

function enter(plan: RollingPlan, state: RollingState, at: At): StageResult<RollingState> {
  const bounds = boundsFor(plan, at.context)
  const { batches } = lengthOf(bounds)
  const refusal = rollRefusal(bounds)
  if (refusal !== null) return { state, commands: [{ type: 'failed', cause: 'stage-failed', reason: refusal }] }
  const entered = { ...state, bounds, batches: Math.max(1, batches) }
  return followed(entered, { script: startOf(at), commands: [] }, at)
}

/** A candidate that a rule of the endpoint runs may not be ready: what cannot serve is none of its instances. */
function startOf({ atMs, context }: At): Script {
  const idle = idleScript(context, atMs)
  const isReady = context.fleets[context.candidate] === 'ready'
  return isReady ? idle : { ...idle, sizes: { ...idle.sizes, candidate: 0 } }
}

function boundsFor(plan: RollingPlan, { declared, stable, candidate }: StageContext): RollBounds {
  return boundsOf(plan, { stable: declared[stable] ?? 1, candidate: declared[candidate] ?? 1 })
}

/** What the script did, and the next batch where it has come to its end. */
function followed(state: RollingState, { script, commands }: Scripted, at: At): StageResult<RollingState> {
  if (script === state.script) return unchanged(state)
  const resumed: StageCommand[] = state.held && script.todo !== state.script?.todo ? [{ type: 'release-hold' }] : []
  const going = { ...state, script, held: state.held && resumed.length === 0 }
  if (script.todo.length > 0) return { state: going, commands: [...resumed, ...commands] }
  const next = state.going === 'forward' ? batchForward : batchBack
  const batch = next(state.bounds, script.sizes, at.context.weights[script.versions.candidate] ?? 0)
  if (batch === null) throw new Error('a roll within its bounds has no next batch')
  const begun = followed({ ...going, batch: state.batch + 1 }, begin(script, batch, at), at)
  return { ...begun, commands: [...resumed, ...commands, ...begun.commands] }
}

function goOn(
  plan: RollingPlan,
  state: RollingState,
  event: StageEvent,
  context: StageContext,
): StageResult<RollingState> {
  const { script } = state
  if (script === null) return unchanged(state)
  const at = { atMs: event.atMs, context }
  if (event.type === 'fleet' && event.state === 'failed' && event.version === script.versions.candidate)
    return candidateFailed(state, event, at)
  const result = followed(state, proceed(script, event, context), at)
  return event.type === 'tick' && result.state === state ? checkProgress(plan, state, at) : result
}

function candidateFailed(
  state: RollingState,
  { version, reason }: { version: string; reason: string },
  at: At,
): StageResult<RollingState> {
  if (state.going !== 'forward') return state.going === 'back' ? giveUpOnCandidate(state, at) : unchanged(state)
  const served = (state.script?.sizes.candidate ?? 0) > 0
  const failed: StageCommand = served
    ? { type: 'failed', cause: 'fleet-lost', reason: `${version} cannot be kept running: ${reason}` }
    : { type: 'failed', cause: 'never-ready', reason: `${version} did not become ready: ${reason}` }
  return { state, commands: [failed] }
}

/** A step that neither fleets nor gateway end in time. A batch that lacks evidence is no such step. */
function checkProgress(plan: RollingPlan, state: RollingState, at: At): StageResult<RollingState> {
  const step = state.script?.todo[0]
  if (state.script === null || step === undefined || step.do === 'prove') return unchanged(state)
  if (state.held || at.atMs - state.script.sinceMs < plan.progressDeadlineMs) return unchanged(state)
  if (state.going === 'back' && step.do === 'resize' && step.side === 'candidate') return giveUpOnCandidate(state, at)
  if (state.going !== 'forward') return unchanged(state)
  const reason = `no progress for ${plan.progressDeadlineMs / 1000} s while ${saysOf(state.script)}`
  return { state: { ...state, held: true }, commands: [{ type: 'failed', cause: 'stage-failed', reason }] }
}

function judged(
  plan: RollingPlan,
  state: RollingState,
  event: Judged,
  context: StageContext,
): StageResult<RollingState> {
  const { script } = state
  const step = script?.todo[0]
  if (script === null || state.going !== 'forward' || step?.do !== 'prove') return unchanged(state)
  const missing = whatIsMissing(plan, script, event, context) ?? (step.promotes ? whatPromotionNeeds(event) : null)
  const at = { atMs: event.atMs, context }
  if (missing === null) return followed(state, begin(script, script.todo.slice(1), at), at)
  if (state.held || event.atMs - script.sinceMs < plan.progressDeadlineMs) return unchanged(state)
  return { state: { ...state, held: true }, commands: [{ type: 'hold', cause: 'ceiling', reason: missing }] }
}

/** What the batch still lacks, as a sentence; null when the next one may start. A crossed guardrail never gets here. */
function whatIsMissing(
  plan: RollingPlan,
  { sinceMs, sizes, versions }: Script,
  { atMs, judgement }: Judged,
  { fleets }: StageContext,
): string | null {
  const unready = (['stable', 'candidate'] as const).find(side => sizes[side] > 0 && fleets[versions[side]] !== 'ready')
  if (unready !== undefined) return `${versions[unready]} is not ready`
  if (atMs - sinceMs < plan.minReadyMs)
    return `the batch is to be ready ${plan.minReadyMs - (atMs - sinceMs)} ms longer`
  // Who asks for requests asks for evidence; without them a batch goes on unless a guardrail is crossed.
  if (plan.minRequests === 0) return null
  if (judgement.verdict !== 'pass') return judgement.reason
  if (judgement.stepRequests >= plan.minRequests) return null
  return `${versions.candidate} has answered ${judgement.stepRequests} of ${plan.minRequests} requests in this batch`
}

function goBack(plan: RollingPlan, state: RollingState, at: At): StageResult<RollingState> {
  const script = state.script ?? idleScript(at.context, at.atMs)
  const back: RollingState = { ...state, bounds: boundsFor(plan, at.context), going: 'back', batch: 0, held: false }
  if (at.context.fleets[script.versions.candidate] === 'failed') return giveUpOnCandidate({ ...back, script }, at)
  const settled = settle(script)
  return followed({ ...back, script: null }, begin(settled.script, settled.todo, at), at)
}

/**
 * A roll that turns back may have something under way: instances that were to come are taken back, those that were told
 * to go count as gone. Either is waited for before the bounds are counted on again.
 */
function settle(script: Script): { script: Script; todo: FleetStep[] } {
  const step = script.todo[0]
  const leaves = step?.do === 'resize' && step.side === 'stable'
  const comes = step?.do === 'resize' && step.side === 'candidate'
  const sizes = leaves ? { ...script.sizes, stable: step.instances } : script.sizes
  return { script: { ...script, sizes }, todo: [...keep('stable', sizes, leaves), ...keep('candidate', sizes, comes)] }
}

function keep(side: Side, sizes: Sizes, mayEnd: boolean): FleetStep[] {
  return sizes[side] > 0 || mayEnd ? [{ do: 'resize', side, instances: sizes[side] }] : []
}

/** Its traffic first, as far as the old version has an instance for it; then itself; then all of the old version. */
function giveUpOnCandidate(state: RollingState, at: At): StageResult<RollingState> {
  if (state.script === null) return unchanged(state)
  const { script, waits } = stableAsItIs(state.script)
  const todo: FleetStep[] = [
    ...waits,
    ...(script.sizes.stable > 0 ? [{ do: 'weigh', candidatePpm: 0 } as const] : []),
    { do: 'resize', side: 'candidate', instances: 0 },
    { do: 'resize', side: 'stable', instances: state.bounds.whole.stable },
    { do: 'return' },
  ]
  return followed({ ...state, going: 'lost', script: null }, begin(script, todo, at), at)
}

/** What there is of the old version now: what was told to go is gone, what is to come is not waited for. */
function stableAsItIs(script: Script): { script: Script; waits: FleetStep[] } {
  const step = script.todo[0]
  const resized = step?.do === 'resize' && step.side === 'stable' ? step.instances : null
  if (resized !== null && resized > script.sizes.stable) return { script, waits: [] }
  const sizes = { ...script.sizes, stable: resized ?? script.sizes.stable }
  return { script: { ...script, sizes }, waits: keep('stable', sizes, resized === 0) }
}
