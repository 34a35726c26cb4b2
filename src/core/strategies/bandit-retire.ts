/** How arms leave a race: their traffic first, then their fleets; and never before somebody else can serve. */
import { weightsAmong } from '../bandit/weights.ts'
import type { BanditPlan } from '../stage-plans.ts'
import type { Weights } from '../traffic.ts'
import { type BanditState, canServe, move, racing, withResting } from './bandit-state.ts'
import { type StageContext, type StageResult, unchanged } from './strategy.ts'

type Out = { version: string; reason: string }

/** Their shares go to the others as these have theirs; fleets end after the traffic has left them. */
export function retire(
  plan: BanditPlan,
  state: BanditState,
  out: readonly Out[],
  { atMs, context }: { atMs: number; context: StageContext },
): StageResult<BanditState> {
  const reasons = Object.fromEntries(out.map(({ version, reason }) => [version, reason]))
  const after = { ...state, updatedMs: atMs, retired: { ...state.retired, ...reasons } }
  const race = racing(plan, after)
  const words = out.map(({ version, reason }) => `${version} is retired: ${reason}`)
  if (race.every(version => version === context.stable))
    return { state: after, commands: [{ type: 'failed', cause: 'guardrail', reason: words.join('; ') }] }
  const hadTraffic = out.some(({ version }) => (context.weights[version] ?? 0) > 0)
  const leaving = out.map(({ version }) => ({ version, epoch: context.epoch + (hadTraffic ? 1 : 0) }))
  const noted = { ...after, leaving: [...state.leaving, ...leaving], says: words.join('; ') }
  return hadTraffic ? handOver(plan, noted, { context, why: words }) : letGo(noted, context.appliedEpoch)
}

/** What is retired serves on while nobody else can; the first that can takes its place. */
function handOver(
  plan: BanditPlan,
  state: BanditState,
  { context, why }: { context: StageContext; why: readonly string[] },
): StageResult<BanditState> {
  const race = racing(plan, state)
  const able = race.filter(version => canServe(version, context))
  const heirs = able.length === 0 && canServe(context.stable, context) ? [context.stable] : able
  if (heirs.length === 0)
    return { state: { ...withResting(state, race), says: `${state.says}; nobody else can serve yet` }, commands: [] }
  const weights = weightsAmong(context.weights, heirs)
  const resting = restingAfter(state, race, { able, weights })
  return move(withResting(state, resting), { weights }, { why, after: '' })
}

/** A fleet is ready: where retired arms had to serve on, it takes their place. */
export function relieve(plan: BanditPlan, state: BanditState, context: StageContext): StageResult<BanditState> {
  const late = Object.keys(state.retired).filter(version => (context.weights[version] ?? 0) > 0)
  if (late.length === 0) return unchanged(state)
  const race = racing(plan, state)
  if (![...race, context.stable].some(version => canServe(version, context))) return unchanged(state)
  return handOver(plan, state, { context, why: [`${late.join(', ')} need not serve any more`] })
}

/** Of the race, after a move that lets nobody join: those that rested, and those that cannot serve now. */
export function restingAfter(
  { resting = [] }: BanditState,
  race: readonly string[],
  { able, weights }: { able: readonly string[]; weights: Weights },
): string[] {
  return race.filter(arm => (weights[arm] ?? 0) === 0 && (resting.includes(arm) || !able.includes(arm)))
}

/** The gateway routes without them: nothing more comes to their fleets. */
export function letGo(state: BanditState, epoch: number): StageResult<BanditState> {
  const gone = state.leaving.filter(one => one.epoch <= epoch)
  if (gone.length === 0) return unchanged(state)
  const leaving = state.leaving.filter(one => one.epoch > epoch)
  return { state: { ...state, leaving }, commands: gone.map(({ version }) => ({ type: 'stop', version })) }
}
