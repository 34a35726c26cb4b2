/**
 * What the strategies that change fleets have in common: steps that are done one after another, each ended by the report
 * that it waits for. After a restart of the server the step that was under way is asked for again.
 */
import { assertNever } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Gap } from '../traffic.ts'
import type { StageCommand, StageContext, StageEvent } from './strategy.ts'

export type Side = 'stable' | 'candidate'

export type FleetStep =
  /** Done once the gateway routes by it. */
  | { do: 'weigh'; candidatePpm: number }
  | { do: 'gap'; gap: Gap }
  /** Done once exactly so many are ready and no other runs; 0 ends the fleet. */
  | { do: 'resize'; side: Side; instances: number }
  /** Done when the strategy says so; `promotes`: after it the candidate gets all traffic. */
  | { do: 'prove'; promotes: boolean }
  | { do: 'pass'; reason: string; keepMs?: number }
  | { do: 'return' }

export type Sizes = Readonly<Record<Side, number>>

export type Script = {
  versions: Readonly<Record<Side, string>>
  /** The first one is under way. */
  todo: readonly FleetStep[]
  /** Instances by the last step that was done. */
  sizes: Sizes
  /** When the step under way began, and when it was last asked for. */
  sinceMs: number
  askedMs: number
}

export type Scripted = { script: Script; commands: readonly StageCommand[] }

/** Before anything is to be done: the fleets as they are. */
export function idleScript(context: StageContext, atMs: number): Script {
  const { stable, candidate } = context
  const size = (version: string): number =>
    (context.fleets[version] ?? 'absent') === 'absent' ? 0 : (context.wanted[version] ?? 0)
  const sizes = { stable: size(stable), candidate: size(candidate) }
  return { versions: { stable, candidate }, todo: [], sizes, sinceMs: atMs, askedMs: atMs }
}

/** Begins the first step, and the next ones for as long as one is done already. */
export function begin(
  script: Script,
  todo: readonly FleetStep[],
  at: { atMs: number; context: StageContext },
): Scripted {
  const [step, ...rest] = todo
  const begun = { ...script, todo, sinceMs: at.atMs, askedMs: at.atMs }
  if (step === undefined) return { script: begun, commands: [] }
  if (isDoneAlready(step, script, at.context)) return begin(withDone(begun, step), rest, at)
  return { script: begun, commands: ask(step, script, at.context) }
}

/** The same script if the event changes nothing. */
export function proceed(script: Script, event: StageEvent, context: StageContext): Scripted {
  const [step, ...rest] = script.todo
  const { atMs } = event
  if (step === undefined) return { script, commands: [] }
  if (isDoneBy(step, script, event, context)) return begin(withDone(script, step), rest, { atMs, context })
  if (event.type === 'restarted') return askAgain({ ...script, sinceMs: atMs }, step, { atMs, context })
  const isDue = event.type === 'tick' && atMs - script.askedMs >= limits.insistMs && mayBeLost(step, script, context)
  return isDue ? askAgain(script, step, { atMs, context }) : { script, commands: [] }
}

function isDoneAlready(step: FleetStep, { versions }: Script, context: StageContext): boolean {
  switch (step.do) {
    case 'weigh':
      return isWeighed(step, versions, context) && context.appliedEpoch >= context.epoch
    case 'resize': {
      const version = versions[step.side]
      return step.instances > 0 && context.fleets[version] === 'ready' && context.wanted[version] === step.instances
    }
    case 'gap':
    case 'prove':
    case 'pass':
    case 'return':
      return false
    default:
      return assertNever(step)
  }
}

function isDoneBy(step: FleetStep, { versions }: Script, event: StageEvent, context: StageContext): boolean {
  if (step.do === 'gap') return event.type === 'applied'
  if (step.do === 'weigh') return event.type === 'applied' && isWeighed(step, versions, context)
  if (step.do !== 'resize' || event.type !== 'fleet' || event.version !== versions[step.side]) return false
  if (step.instances === 0) return event.state === 'stopped'
  return event.state === 'ready' && event.instances === step.instances && context.fleets[event.version] === 'ready'
}

function isWeighed({ candidatePpm }: { candidatePpm: number }, versions: Script['versions'], context: StageContext) {
  return (context.weights[versions.candidate] ?? 0) === candidatePpm
}

function ask(step: FleetStep, { versions }: Script, context: StageContext): StageCommand[] {
  switch (step.do) {
    case 'weigh':
      return isWeighed(step, versions, context) ? [] : [{ type: 'set-weight', candidatePpm: step.candidatePpm }]
    case 'gap':
      return [{ type: 'set-route', extras: { gap: step.gap } }]
    case 'resize': {
      const version = versions[step.side]
      return [step.instances === 0 ? { type: 'stop', version } : { type: 'ensure', version, instances: step.instances }]
    }
    case 'prove':
      return []
    case 'pass':
      return [{ type: 'passed', reason: step.reason, ...(step.keepMs !== undefined && { keepMs: step.keepMs }) }]
    case 'return':
      return [{ type: 'returned' }]
    default:
      return assertNever(step)
  }
}

/** Tables and fleets that are wanted are asked for again by whoever applies them; that something is to end is not. */
function askAgain(
  script: Script,
  step: FleetStep,
  { atMs, context }: { atMs: number; context: StageContext },
): Scripted {
  const again = mayBeLost(step, script, context) ? ask(step, script, context) : []
  return { script: { ...script, askedMs: atMs }, commands: again }
}

function mayBeLost(step: FleetStep, { versions }: Script, context: StageContext): boolean {
  return step.do === 'resize' && (step.instances === 0 || context.fleets[versions[step.side]] === 'failed')
}

function withDone(script: Script, step: FleetStep): Script {
  return step.do === 'resize' ? { ...script, sizes: { ...script.sizes, [step.side]: step.instances } } : script
}

/** What is being done, as a sentence. */
export function saysOf({ versions, todo, sizes }: Script): string | null {
  const step = todo[0]
  if (step === undefined) return null
  switch (step.do) {
    case 'weigh':
      return `${versions.candidate} gets ${step.candidatePpm / 10_000} % of the traffic`
    case 'gap':
      return step.gap.holdMs > 0
        ? `callers are held, each up to ${step.gap.holdMs / 1000} s`
        : `callers are told to come back in ${step.gap.retryAfterMs / 1000} s`
    case 'resize': {
      const [version, now] = [versions[step.side], sizes[step.side]]
      if (step.instances === 0) return `${version} is being stopped`
      if (now === 0) return `${version} is being started with ${instancesText(step.instances)}`
      if (now === step.instances) return `${version} is to be ready with ${instancesText(now)}`
      return `${version} ${now < step.instances ? 'grows' : 'shrinks'} from ${now} to ${instancesText(step.instances)}`
    }
    case 'prove':
      return `${instancesText(sizes.candidate)} of ${versions.candidate} and ${sizes.stable} of ${versions.stable} serve`
    case 'pass':
    case 'return':
      return null
    default:
      return assertNever(step)
  }
}

function instancesText(count: number): string {
  return `${count} ${count === 1 ? 'instance' : 'instances'}`
}
