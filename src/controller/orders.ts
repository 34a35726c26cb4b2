/**
 * Commands are carried out here, and their answers come back as events. What was asked and not answered is asked again:
 * a table of which the log does not have that it is in force, or a version that failed and that no other can stand in
 * for: the stable one, its control, one that a rule names or that a release goes back to. All of it is idempotent.
 */
import type { Command, IssuedCommand } from '../core/command.ts'
import { fleetSpec, isControl } from '../core/control-fleet.ts'
import { readyTimeoutOf } from '../core/endpoint.ts'
import { ruleVersions } from '../core/endpoint-rules.ts'
import { assertNever } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { gateAwaited } from '../core/release/gates.ts'
import type { EndpointState } from '../core/state.ts'
import type { GatePlace } from '../core/webhook.ts'
import type { Clock } from '../ports/clock.ts'
import type { Deployer } from '../ports/deployer.ts'
import type { FlagSink } from '../ports/flag-sink.ts'
import type { Gates } from '../ports/gates.ts'
import type { TrafficSink } from '../ports/traffic-sink.ts'
import type { Trials } from '../ports/trials.ts'
import type { Ledger } from './ledger.ts'

export type OrderPorts = {
  clock: Clock
  deployer: Deployer
  traffic: TrafficSink
  flags: FlagSink
  gates: Gates
  trials: Trials
  complain: (what: string, cause: unknown) => void
}

export interface Orders {
  carryOut(issued: IssuedCommand): void
  /** Asks again, as often as `limits.insistMs` allows. */
  insist(): void
  /** Answers that come later say nothing of a version: the next server asks again. */
  stop(): void
}

type ApplyRoute = Extract<Command, { type: 'apply-route' }>
type AskGate = Extract<Command, { type: 'ask-gate' }>
type RunTrial = Extract<Command, { type: 'run-trial' }>

export function createOrders(ports: OrderPorts, ledger: Ledger): Orders {
  const { clock, deployer, traffic, flags, gates, trials } = ports
  let isStopped = false
  let lastInsistMs = clock.nowMs()

  const carryOut = ({ id, command }: IssuedCommand): void => {
    const complain = (doing: string) => (cause: unknown) => ports.complain(`command ${id}: ${doing}`, cause)
    switch (command.type) {
      case 'ensure-fleet':
        deployer.ensure(command)
        break
      case 'stop-fleet':
        deployer.stop(command).catch(complain(`stopping ${command.endpoint}/${command.version}`))
        break
      case 'apply-route':
        apply(command).catch(complain(`routing ${command.spec.name} by epoch ${command.table.epoch}`))
        break
      case 'remove-route':
        traffic.remove(command.endpoint)
        break
      case 'apply-flags':
        flags.applyFlags(command.flags)
        break
      case 'ask-gate':
        ask(command).catch(complain(`asking the gate before the ${command.gate.before}`))
        break
      case 'run-trial':
        run(command).catch(complain(`trying ${command.trial.version}`))
        break
      default:
        assertNever(command)
    }
  }

  /** Told at once where the table is in force at once, so that the log has it next to its cause. */
  const apply = (command: ApplyRoute): Promise<void> => {
    const event = { type: 'traffic-applied', endpoint: command.spec.name, epoch: command.table.epoch } as const
    const later = traffic.apply(command)
    if (later === undefined) ledger.record(event)
    return Promise.resolve(later?.then(() => isStopped || ledger.recordIfItMatters(event))).then(() => {})
  }

  const ask = async (command: AskGate): Promise<void> => {
    const { release, gate } = command
    const answer = await gates.ask(command, () => isAwaited(release, gate.before))
    if (answer !== null) ledger.recordAnswer({ type: 'gate-answered', release, before: gate.before, ...answer })
  }

  const isAwaited = (id: string, before: GatePlace): boolean => {
    const release = ledger.state().releases[id]
    return !isStopped && release !== undefined && gateAwaited(release) === before
  }

  const run = async (command: RunTrial): Promise<void> => {
    const report = await trials.run(command)
    if (!isStopped) ledger.recordAnswer({ type: 'trial-ended', release: command.release, report })
  }

  /** The version that a release goes back to, which is not the stable one any more: nobody can go back before it is up. */
  const returnedTo = (id: string | null): string | null => {
    const release = id === null ? undefined : ledger.state().releases[id]
    return release?.phase.kind === 'returning' ? release.plan.from : null
  }

  const askAgain = ({ spec, stable, fleets, sizes, table, appliedEpoch, activeRelease }: EndpointState): void => {
    const needed = [stable, returnedTo(activeRelease), ...ruleVersions(spec)]
    for (const [name, fleet] of Object.entries(fleets)) {
      const instances = sizes?.[name]
      const version = fleetSpec(spec, name, instances)
      const isDown = fleet === 'failed' && (needed.includes(name) || isControl(name))
      const isAsked = isDown || (fleet === 'starting' && hasReported(spec.name, name))
      if (version === undefined || !isAsked) continue
      deployer.ensure({
        endpoint: spec.name,
        version,
        readyTimeoutMs: readyTimeoutOf(version),
        ...(instances !== undefined && { instances }),
      })
    }
    if (appliedEpoch < table.epoch) carryOut({ id: 'again', command: { type: 'apply-route', spec, table } })
  }

  /** Whether a fleet that the log has as starting has something to say: asking while it starts would only give it more time. */
  const hasReported = (endpoint: string, version: string): boolean =>
    deployer.status(endpoint, version).some(({ state: one }) => one === 'ready' || one === 'failed')

  return {
    carryOut,
    insist() {
      const nowMs = clock.nowMs()
      // A clock that was put back says nothing, and a stable version that failed must not wait until it catches up.
      if (nowMs >= lastInsistMs && nowMs - lastInsistMs < limits.insistMs) return
      lastInsistMs = nowMs
      for (const endpoint of Object.values(ledger.state().endpoints)) askAgain(endpoint)
    },
    stop() {
      isStopped = true
    },
  }
}
