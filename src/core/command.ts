/** What the core wants done. Applying a command twice does no more than once, for a crash repeats it. */
import type { EndpointSpec, VersionSpec } from './endpoint.ts'
import type { FlagsState } from './flags/flags-state.ts'
import type { TrafficTable } from './traffic.ts'
import type { Trial } from './trial.ts'
import type { Gate } from './webhook.ts'

export type Command =
  /** Make the version's fleet run, with this many instances or as many as it declares; answered by `fleet-ready` or `fleet-failed`. */
  | {
      type: 'ensure-fleet'
      endpoint: string
      version: VersionSpec
      readyTimeoutMs: number
      instances?: number
      /** How long surplus instances may finish what is in flight. */
      drainMs?: number
    }
  /** Finish what is in flight, then end the fleet; answered by `fleet-stopped`. */
  | { type: 'stop-fleet'; endpoint: string; version: string; drainMs: number }
  /** Route by this table from now on; answered by `traffic-applied`. */
  | { type: 'apply-route'; spec: EndpointSpec; table: TrafficTable }
  | { type: 'remove-route'; endpoint: string }
  /** Evaluate by these flags from now on. */
  | { type: 'apply-flags'; flags: FlagsState }
  /** Answered by `gate-answered`. */
  | { type: 'ask-gate'; endpoint: string; release: string; from: string; to: string; gate: Gate }
  /** Answered by `trial-ended`. */
  | { type: 'run-trial'; endpoint: string; release: string; trial: Trial }

/** `<seq of the event>.<index>`: the same command has the same id after a crash. */
export type IssuedCommand = { id: string; command: Command }
