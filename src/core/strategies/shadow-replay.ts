/**
 * Recorded requests instead of copies: each challenger in turn gets one instance, answers them and is let go again, so
 * that no capacity is needed beside that of the champion but one instance at a time. One that the stage before gave traffic
 * answers them with the fleet that serves, which is neither resized nor ended.
 */
import { limits } from '../limits.ts'
import type { ShadowPlan } from '../stage-plans.ts'
import { type Replay, runningChallengers, type ShadowState } from './shadow-state.ts'
import { type StageCommand, type StageContext, type StageEvent, type StageResult, unchanged } from './strategy.ts'

type Result = StageResult<ShadowState>

/** The next challenger, in the order of the plan, that has not answered enough; none while one is at it. */
export function beginReplay(plan: ShadowPlan, state: ShadowState, atMs: number, context: StageContext): Result {
  const replays = state.replays ?? {}
  const running = runningChallengers(state)
  const isBusy = running.some(version => replays[version] !== undefined && !hasEnough(plan, replays[version]))
  const version = isBusy ? undefined : running.find(one => replays[one] === undefined)
  if (version === undefined) return { state: { ...state, replays }, commands: [] }
  const replay: Replay = { state: 'starting', runs: 0, sinceMs: atMs }
  const serves = hasTraffic(version, context)
  if (serves && context.fleets[version] === 'ready') return ask(plan, state, { version, replay, atMs }, context)
  return {
    state: withReplay(state, version, replay),
    commands: serves ? [] : [{ type: 'ensure', version, instances: 1 }],
  }
}

function hasTraffic(version: string, { weights }: StageContext): boolean {
  return (weights[version] ?? 0) > 0
}

/** Its instance is ready: it is asked, for the first time or again after a restart. */
export function fleetOfReplay(
  plan: ShadowPlan,
  state: ShadowState,
  { version, atMs }: { version: string; atMs: number },
  context: StageContext,
): Result {
  const replay = state.replays?.[version]
  return replay?.state === 'starting' ? ask(plan, state, { version, replay, atMs }, context) : unchanged(state)
}

/** The report stands for all: it is of the newest recorded requests, those of the report before among them. */
export function afterTrial(
  plan: ShadowPlan,
  state: ShadowState,
  { report, atMs }: Extract<StageEvent, { type: 'trial' }>,
  context: StageContext,
): Result {
  const { version } = report
  const replay = state.replays?.[version]
  const isAwaited = replay?.state === 'asked' && report.id.endsWith(`-${replay.runs}`)
  if (!isAwaited || !runningChallengers(state).includes(version)) return unchanged(state)
  const reported = withReplay(state, version, { ...replay, state: 'reported', sinceMs: atMs, report })
  if (!hasEnough(plan, reported.replays?.[version])) return { state: reported, commands: [] }
  const next = beginReplay(plan, reported, atMs, context)
  const stops: StageCommand[] = hasTraffic(version, context) ? [] : [{ type: 'stop', version }]
  return { state: next.state, commands: [...stops, ...next.commands] }
}

/** With too few recorded requests it asks again once more may have come, and when a report has not come at all. */
export function replayAgain(plan: ShadowPlan, state: ShadowState, atMs: number, context: StageContext): Result {
  for (const version of runningChallengers(state)) {
    const replay = state.replays?.[version]
    if (replay === undefined || replay.state === 'starting' || hasEnough(plan, replay)) continue
    if (context.fleets[version] !== 'ready') continue
    const patienceMs = replay.state === 'asked' ? limits.replayReportMs : limits.replayPauseMs
    if (atMs - replay.sinceMs >= patienceMs) return ask(plan, state, { version, replay, atMs }, context)
  }
  return unchanged(state)
}

/** What ran is lost; the fleets that were wanted start anew and report. */
export function restartReplay(state: ShadowState): Result {
  const asked = Object.entries(state.replays ?? {}).find(([, replay]) => replay.state === 'asked')
  if (asked === undefined) return unchanged(state)
  const [version, replay] = asked
  return { state: withReplay(state, version, { ...replay, state: 'starting' }), commands: [] }
}

function ask(
  { pairs, methods, paths, comparator, budget }: ShadowPlan,
  state: ShadowState,
  { version, replay, atMs }: { version: string; replay: Replay; atMs: number },
  { release, stable }: StageContext,
): Result {
  const runs = replay.runs + 1
  const trial = {
    kind: 'replay',
    id: `${release}-replay-${version}-${runs}`,
    version,
    against: stable,
    requests: pairs,
    methods,
    paths,
    concurrencyMax: budget.concurrencyMax,
    comparator,
  } as const
  return {
    state: withReplay(state, version, { ...replay, state: 'asked', runs, sinceMs: atMs }),
    commands: [{ type: 'run-trial', trial }],
  }
}

function hasEnough({ pairs }: ShadowPlan, replay: Replay | undefined): boolean {
  return (replay?.report?.sent ?? 0) >= pairs
}

function withReplay(state: ShadowState, version: string, replay: Replay): ShadowState {
  return { ...state, replays: { ...state.replays, [version]: replay } }
}
