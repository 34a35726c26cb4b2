/**
 * Everything that can happen. Events are appended to the log before they take effect and the log is the ground state:
 * these shapes must stay readable for ever, so a member is added, never changed.
 */
import type { NewKey } from './access/api-key.ts'
import type { EndpointSpec } from './endpoint.ts'
import type { FlagSpec, SegmentSpec } from './flags/flag.ts'
import type { Judgement } from './judge/judgement.ts'
import type { MonitorReport } from './monitor/report.ts'
import type { ReleasePlan } from './plan.ts'
import type { RegistryNews } from './registry/news.ts'
import type { TrialReport } from './trial.ts'
import type { GatePlace } from './webhook.ts'

export const operatorVerbs = ['promote', 'pause', 'resume', 'approve', 'abort', 'rollback'] as const
export type OperatorVerb = (typeof operatorVerbs)[number]

export type ControlEvent =
  /**
   * A server came up on this log: whatever ran in its predecessor is gone and is started anew. `settles` is left out in logs
   * of before releases waited for that: what their candidates lacked meanwhile was held against them, and they fold as they
   * ever did.
   */
  | { type: 'server-started'; settles?: true }
  | { type: 'endpoint-applied'; spec: EndpointSpec; actor: string }
  | { type: 'endpoint-deleted'; endpoint: string; actor: string }
  | { type: 'release-started'; release: string; plan: ReleasePlan; actor: string }
  /** Exactly `instances` are ready and no other runs; all that the version declares where it is left out. */
  | { type: 'fleet-ready'; endpoint: string; version: string; instances?: number }
  | { type: 'fleet-failed'; endpoint: string; version: string; reason: string }
  /** A fleet that was told to end has ended: nothing of it runs any more. */
  | { type: 'fleet-stopped'; endpoint: string; version: string }
  | { type: 'traffic-applied'; endpoint: string; epoch: number }
  | { type: 'judged'; release: string; judgement: Judgement }
  /** What a version did with requests that no caller waited for. */
  | { type: 'trial-ended'; release: string; report: TrialReport }
  /** A gate said yes or no. */
  | { type: 'gate-answered'; release: string; before: GatePlace; confirmed: boolean; reason: string }
  /** What is watched of a stable version changed: a drift or a breach began or ended. */
  | { type: 'monitored'; endpoint: string; report: MonitorReport }
  /** Watching begins anew with what is served: the log of predictions is about to let go of what it rested on. */
  | { type: 'watch-renewed'; endpoint: string }
  /** Time passed: moves what waits for a deadline. */
  | { type: 'tick'; release: string }
  /** The arms of a bandit that runs: those that come in, and those that leave the race. */
  | { type: 'arms-changed'; release: string; add: readonly string[]; retire: readonly string[]; actor: string }
  /**
   * A flag was made or changed; `note` says how where no document did. `direct` is left out in logs of before rollouts moved
   * from what was in force at once: these went by way of steps that had passed, and fold as they ever did.
   */
  | { type: 'flag-applied'; spec: FlagSpec; actor: string; note: string | null; direct?: true }
  | { type: 'flag-deleted'; flag: string; actor: string }
  /** The last change of a flag was taken back, or its deletion. */
  | { type: 'flag-undone'; flag: string; actor: string; note: string | null }
  /** `note` is left out in logs of before segments had a history. */
  | { type: 'segment-applied'; spec: SegmentSpec; actor: string; note?: string | null }
  | { type: 'segment-deleted'; segment: string; actor: string; note?: string | null }
  | { type: 'segment-undone'; segment: string; actor: string; note: string | null }
  /** The registry of an endpoint took in what became of its versions. */
  | { type: 'registry-told'; endpoint: string; news: RegistryNews }
  /** `step`: of `promote`, past the step that the stage is in and no further. */
  | { type: 'operator'; release: string; verb: OperatorVerb; actor: string; note: string | null; step?: true }
  /** The secret itself is told to whoever asked for the key, and kept nowhere. */
  | { type: 'key-created'; key: NewKey; actor: string }
  /** A new secret under the same id; the old one counts for `keepMs` more. */
  | { type: 'key-rotated'; id: string; hash: string; keepMs: number; actor: string }
  | { type: 'key-revoked'; id: string; actor: string }

/** An event with its place in the log and its time; time enters the core here and nowhere else. */
export type LoggedEvent = { seq: number; atMs: number; event: ControlEvent }
