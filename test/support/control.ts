/** A whole controller on memory ports and a clock that goes when it is told to. */
import { nodeSecrets } from '../../src/adapters/access/node-secrets.ts'
import { createManualClock, type ManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { type Controller, createController } from '../../src/controller/controller.ts'
import { CutoverError } from '../../src/core/errors.ts'
import type { EpochEvidence } from '../../src/core/evidence.ts'
import type { FlagsState } from '../../src/core/flags/flags-state.ts'
import type { BaselineAnswer } from '../../src/core/hypothesis.ts'
import type { SignalReport } from '../../src/core/label-delays.ts'
import { limits } from '../../src/core/limits.ts'
import type { WatchEvidence } from '../../src/core/monitor/evidence.ts'
import type { ModelMetadata } from '../../src/ports/backend.ts'
import type { Deployer } from '../../src/ports/deployer.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import type { Notice } from '../../src/ports/notices.ts'
import type { Route } from '../../src/ports/traffic-sink.ts'
import type { Trials } from '../../src/ports/trials.ts'

export interface ControlRig {
  controller: Controller
  /** What the gateway was told, newest last. */
  routes: Route[]
  /** Flags that the gateway was told, newest last. */
  flagSets: FlagsState[]
  notices: Notice[]
  running: Set<string>
  /** Versions that never become ready. */
  broken: Set<string>
  /** What the next looks will find. */
  evidence: Map<number, EpochEvidence['versions']>
  /** Whether the evidence is all there. */
  whole: { isWhole: boolean }
  complaints: string[]
  /** Of what evidence the controller has said that it is needed no more. */
  forgotten: { endpoint: string; beforeEpoch: number }[]
  /** What the next looks at stable versions will find. */
  watched: Map<string, WatchEvidence>
  /** What is known of the delays of labels. */
  delays: Map<string, readonly SignalReport[]>
  /** What a version's model takes and gives, where the deployer knows. */
  interfaces: Map<string, ModelMetadata>
  /** What is known of a metric before a release. */
  baseline: { answer: BaselineAnswer }
  clock: ManualClock
  /** Lets `ticks` looks happen. */
  tick(ticks?: number): void
}

const noTrials: Trials = { run: () => Promise.reject(new Error('no trial is expected here')) }

export function controlRig(log: EventLog = createMemoryEventLog(), trials: Trials = noTrials): ControlRig {
  const clock = createManualClock(1_000_000)
  const routes: Route[] = []
  const flagSets: FlagsState[] = []
  const notices: Notice[] = []
  const running = new Set<string>()
  const broken = new Set<string>()
  const evidence: ControlRig['evidence'] = new Map()
  const complaints: string[] = []
  const forgotten: ControlRig['forgotten'] = []
  const whole: ControlRig['whole'] = { isWhole: true }
  const watched: ControlRig['watched'] = new Map()
  const delays: ControlRig['delays'] = new Map()
  const interfaces: ControlRig['interfaces'] = new Map()
  const baseline: ControlRig['baseline'] = { answer: { known: false, reason: 'nothing was recorded' } }
  const deployer: Deployer = {
    ensure({ endpoint, version, instances = version.instances }) {
      running.add(version.name)
      const base = { endpoint, version: version.name }
      controller.report(
        broken.has(version.name)
          ? { state: 'failed', ...base, reason: 'exited with code 1' }
          : { state: 'ready', ...base, instances },
      )
    },
    async stop({ endpoint, version }) {
      running.delete(version)
      controller.report({ state: 'stopped', endpoint, version })
    },
    async check(version) {
      if (version.name === 'corrupt') throw new CutoverError('model-invalid', 'the file is corrupt')
      return interfaces.get(version.name) ?? null
    },
    status: () => [],
    fleets: { pick: () => null, readyCount: () => 0 },
    async close() {},
  }
  const controller = createController({
    isWhole: () => whole.isWhole,
    expressions: createExpressions(),
    notices: { take: notice => void notices.push(notice) },
    gates: { ask: () => Promise.reject(new Error('no gate is expected here')) },
    rate: { perSecond: () => null },
    sources: { read: () => ({}) },
    trials,
    monitoring: { watch: name => watched.get(name) ?? null, delays: name => delays.get(name) ?? [] },
    baselines: { read: async () => baseline.answer },
    log,
    clock,
    deployer,
    flags: { applyFlags: flags => flagSets.push(flags) },
    traffic: { apply: route => void routes.push(route), remove: () => {} },
    evidence: {
      read: ({ epochs }) => epochs.map(epoch => ({ epoch, versions: evidence.get(epoch) ?? {} })),
      forget: one => forgotten.push(one),
    },
    secrets: nodeSecrets,
    complain: (what, cause) => complaints.push(`${what}: ${cause}`),
  })
  controller.load()
  controller.start()
  return {
    controller,
    routes,
    flagSets,
    notices,
    running,
    broken,
    evidence,
    whole,
    complaints,
    forgotten,
    watched,
    delays,
    interfaces,
    baseline,
    clock,
    tick: (ticks = 1) => clock.advance(ticks * limits.tickIntervalMs),
  }
}
