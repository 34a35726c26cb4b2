/** The real `step` with a faultless gateway and deployer behind it, on a clock that goes when it is told to. */
import type { Command } from '../../src/core/command.ts'
import type { ControlEvent, LoggedEvent } from '../../src/core/event.ts'
import { type ControlState, emptyState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'

export type LiveCore = {
  state(): ControlState
  log: LoggedEvent[]
  commands: Command[]
  nowMs(): number
  happen(...events: readonly ControlEvent[]): void
  /** Time goes by, then every release under way hears of it. */
  wait(ms: number): void
  /** A server comes up again; its fleets start anew and become ready unless they are `down`. */
  crash(): void
  /** Versions whose fleets do not become ready, and those that say nothing. */
  down: Set<string>
  silent: Set<string>
}

export function liveCore(startMs = 0): LiveCore {
  const log: LoggedEvent[] = []
  const commands: Command[] = []
  const down = new Set<string>()
  const silent = new Set<string>()
  let state: ControlState = emptyState
  let nowMs = startMs

  const take = (event: ControlEvent): void => {
    const next = step(state, event, nowMs)
    // As the controller does: what changes nothing is not written down.
    const isNews = next.state !== state || (event.type !== 'judged' && event.type !== 'tick')
    if (!isNews) return
    log.push({ seq: log.length + 1, atMs: nowMs, event })
    state = next.state
    for (const command of next.commands) {
      commands.push(command)
      answer(command)
    }
  }
  const answer = (command: Command): void => {
    if (command.type === 'apply-route')
      take({ type: 'traffic-applied', endpoint: command.spec.name, epoch: command.table.epoch })
    if (command.type === 'stop-fleet')
      take({ type: 'fleet-stopped', endpoint: command.endpoint, version: command.version })
    if (command.type !== 'ensure-fleet' || silent.has(command.version.name)) return
    const { endpoint, version, instances } = command
    const named = { endpoint, version: version.name }
    if (down.has(version.name)) take({ type: 'fleet-failed', ...named, reason: 'exited with code 1' })
    else take({ type: 'fleet-ready', ...named, ...(instances !== undefined && { instances }) })
  }
  const tickAll = (): void => {
    for (const release of Object.keys(state.releases)) take({ type: 'tick', release })
  }
  return {
    state: () => state,
    log,
    commands,
    down,
    silent,
    nowMs: () => nowMs,
    happen: (...events) => {
      for (const event of events) take(event)
    },
    wait(ms) {
      nowMs += ms
      tickAll()
    },
    crash() {
      take({ type: 'server-started', settles: true })
    },
  }
}
