/**
 * A world in virtual time around the real control plane: the real controller, judge, evidence, log and fleets, with users who
 * send requests by the table in force, versions that answer as they are made to, and labels that come later. One seed, one
 * course of events.
 */
import { nodeSecrets } from '../../src/adapters/access/node-secrets.ts'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryDeployer, type MemoryDeployer } from '../../src/adapters/deployer/memory.ts'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { createMemoryPredictionLog } from '../../src/adapters/prediction-log/memory.ts'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { type Controller, createController } from '../../src/controller/controller.ts'
import { assign, bucketOf, saltSeed } from '../../src/core/assign.ts'
import { limits } from '../../src/core/limits.ts'
import { unitMetricsOf } from '../../src/core/metrics/by-unit.ts'
import { pairingOf } from '../../src/core/pairing.ts'
import type { Outcome, Prediction } from '../../src/core/prediction.ts'
import { isTerminal, type ReleaseState } from '../../src/core/state.ts'
import type { Trial, TrialReport } from '../../src/core/trial.ts'
import { type Accumulator, createAccumulator } from '../../src/evidence/accumulator.ts'
import { compileDefinitions } from '../../src/evidence/metric-book.ts'
import type { PredictionLog } from '../../src/ports/prediction-log.ts'
import type { Route } from '../../src/ports/traffic-sink.ts'
import { type Random, randomFrom } from '../../src/stats/numerics/random.ts'

/** How a version behaves: shares of its answers, and times. */
export type Behaviour = {
  errorRate: number
  /** Wrong among the answers. */
  wrongRate: number
  latencyMs: number
  /** Share of the users whom its answers please: they reward with 1, the others with 0. */
  rewardRate: number
  /** From its start; null never comes up. */
  readyAfterMs: number | null
}

export const sound: Behaviour = {
  errorRate: 0.002,
  wrongRate: 0.08,
  latencyMs: 20,
  rewardRate: 0.1,
  readyAfterMs: 1_000,
}

export type WorldOptions = {
  versions: Readonly<Record<string, Behaviour>>
  seed?: number
  requestsPerSecond?: number
  users?: number
  /** How long labels and rewards take; null when none ever comes. */
  labelDelayMs?: number | null
  instances?: number
  /** Added to the endpoint's document. */
  endpoint?: Readonly<Record<string, unknown>>
}

export interface World {
  readonly controller: Controller
  readonly predictions: PredictionLog
  /** Requests by the version that answered; `unserved` ones met nobody, `gapped` ones a gap. */
  readonly answered: Readonly<Record<string, number>>
  readonly counts: { unserved: number; gapped: number; misrouted: number }
  readonly complaints: readonly string[]
  nowMs(): number
  behave(version: string, change: Partial<Behaviour>): void
  traffic(requestsPerSecond: number): void
  labels(delayMs: number | null): void
  /** One running instance ends; `final` takes the fleet with it. */
  crash(version: string, final?: boolean): void
  /** Starts a release of v2 by these stages; answers its id. */
  release(document: Readonly<Record<string, unknown>>): Promise<string>
  /** Lets time pass. */
  pass(ms: number): Promise<void>
  /** Until it says yes, at most so long; false if it never did. */
  until(done: () => boolean, atMostMs: number): Promise<boolean>
  /** The server is killed and another one comes up on what is on disk. */
  restart(): Promise<void>
  state(release: string): ReleaseState
}

const stepMs = limits.tickIntervalMs
const classes = 10

export async function createWorld(options: WorldOptions): Promise<World> {
  const random = randomFrom(options.seed ?? 1)
  const clock = createManualClock(1_700_000_000_000)
  const log = createMemoryEventLog()
  const predictions = createMemoryPredictionLog({ clock })
  const expressions = createExpressions()
  const behaviours = new Map(Object.entries(options.versions).map(([name, one]) => [name, { ...one }]))
  const routes = new Map<string, Route>()
  const answered: Record<string, number> = {}
  const counts = { unserved: 0, gapped: 0, misrouted: 0 }
  const complaints: string[] = []
  const due: { atMs: number; outcome: Outcome }[] = []
  let rate = options.requestsPerSecond ?? 100
  let labelDelayMs = options.labelDelayMs === undefined ? 2_000 : options.labelDelayMs
  let sent = 0
  let parts = boot()

  type Parts = {
    controller: Controller
    deployer: MemoryDeployer
    evidence: Accumulator
    startedAtMs: Map<string, number>
  }

  function boot(): Parts {
    const startedAtMs = new Map<string, number>()
    const inner = createMemoryDeployer({
      clock,
      report: report => controller.report(report),
      answer: () => ({ status: 200, headers: [], body: new Uint8Array() }),
      readiness: () => 'manual',
    })
    const ensure: MemoryDeployer['ensure'] = request => {
      const { name } = request.version
      if (!startedAtMs.has(name)) startedAtMs.set(name, clock.nowMs())
      inner.ensure(request)
    }
    const stop: MemoryDeployer['stop'] = request => {
      startedAtMs.delete(request.version)
      return inner.stop(request)
    }
    const deployer: MemoryDeployer = {
      ensure,
      stop,
      check: version => inner.check(version),
      status: (endpoint, version) => inner.status(endpoint, version),
      fleets: inner.fleets,
      close: () => inner.close(),
      becomeReady: (endpoint, version) => inner.becomeReady(endpoint, version),
      crash: (endpoint, version, detail, final) => inner.crash(endpoint, version, detail, final),
    }
    const evidence = createAccumulator({
      definitions: name => {
        const { endpoints, releases } = controller.state()
        const endpoint = endpoints[name]
        const plan = releases[endpoint?.activeRelease ?? '']?.plan
        return endpoint === undefined
          ? null
          : compileDefinitions(endpoint.spec, expressions, unitMetricsOf(plan?.stages ?? []))
      },
      pairing: ({ release, epoch }) => pairingOf(controller.state().releases[release], epoch),
      restarts: release => controller.state().releases[release]?.restarts ?? [],
    })
    const controller = createController({
      isWhole: () => true,
      log,
      clock,
      deployer,
      flags: { applyFlags: () => {} },
      traffic: { apply: route => void routes.set(route.spec.name, route), remove: name => routes.delete(name) },
      evidence,
      monitoring: { watch: () => null, delays: () => [] },
      expressions,
      rate: { perSecond: () => null },
      sources: { read: () => ({}) },
      notices: { take: () => {} },
      gates: { ask: () => Promise.resolve(null) },
      baselines: { read: async () => ({ known: false, reason: 'nothing was recorded' }) },
      trials: { run: async ({ trial }) => tried(trial, behaviours, random) },
      secrets: nodeSecrets,
      complain: (what, cause) => complaints.push(`${what}: ${String(cause)}`),
    })
    return { controller, deployer, evidence, startedAtMs }
  }

  const behaviour = (version: string): Behaviour => behaviours.get(version) ?? sound

  /** Instances come up when their version's time has come. */
  const wake = (): void => {
    for (const [version, atMs] of parts.startedAtMs) {
      const { readyAfterMs } = behaviour(version)
      if (readyAfterMs !== null && clock.nowMs() - atMs >= readyAfterMs) parts.deployer.becomeReady('digits', version)
    }
  }

  const serve = (): Prediction[] => {
    const route = routes.get('digits')
    if (route === undefined) return []
    const many = Math.floor((rate * stepMs) / 1_000 + random.next())
    return Array.from({ length: many }, () => ask(route)).flat()
  }

  const ask = ({ table }: Route): Prediction[] => {
    sent += 1
    const unit = `user-${Math.floor(random.next() * (options.users ?? 2_000))}`
    if (table.gap !== undefined) {
      counts.gapped += 1
      return []
    }
    const seed = saltSeed(table.salt)
    const { version: assigned, propensity } = assign(table, { unit, seed, header: () => undefined })
    const isUp = (version: string): boolean => parts.deployer.fleets.readyCount('digits', version) > 0
    const version = isUp(assigned) ? assigned : table.stable
    if (!isUp(version)) {
      counts.unserved += 1
      return []
    }
    if (version !== assigned) counts.misrouted += 1
    answered[version] = (answered[version] ?? 0) + 1
    const truth = Math.floor(random.next() * classes)
    const mood = random.next()
    const id = `p${sent}`
    const base = { id, endpoint: 'digits', epoch: table.epoch, release: table.release, unit, propensity, pinned: false }
    const own = { ...base, assigned, version, ...said(behaviour(version), truth, random), atMs: clock.nowMs() }
    promise(id, { truth, reward: mood < behaviour(version).rewardRate ? 1 : 0, failed: own.failed })
    return [own, ...copies(own, truth, { unit, version, table })]
  }

  /** What challengers answer to copies. */
  const copies = (
    own: Prediction,
    truth: number,
    { unit, version, table }: { unit: string; version: string; table: Route['table'] },
  ): Prediction[] =>
    (table.mirrors ?? [])
      .filter(
        mirror =>
          version === table.stable &&
          parts.deployer.fleets.readyCount('digits', mirror.version) > 0 &&
          bucketOf(unit, saltSeed(`mirror of ${mirror.version}`)) < mirror.fractionPpm,
      )
      .map(mirror => ({
        ...own,
        ...said(behaviour(mirror.version), truth, random),
        id: `${own.id}~${mirror.version}`,
        assigned: mirror.version,
        version: mirror.version,
        shadowOf: own.id,
      }))

  const promise = (prediction: string, known: { truth: number; reward: number; failed: boolean }): void => {
    if (labelDelayMs === null || known.failed) return
    const atMs = clock.nowMs() + labelDelayMs * (0.5 + random.next())
    const { truth: label, reward } = known
    due.push({ atMs, outcome: { id: `o-${prediction}`, prediction, row: 0, label, reward, metrics: {}, atMs } })
  }

  const deliver = async (): Promise<void> => {
    const ripe = due.filter(({ atMs }) => atMs <= clock.nowMs())
    if (ripe.length === 0) return
    due.splice(0, due.length, ...due.filter(({ atMs }) => atMs > clock.nowMs()))
    const { joined } = await predictions.appendOutcomes(ripe.map(({ outcome }) => outcome))
    parts.evidence.add({ fresh: [], joined })
  }

  const live = async (): Promise<void> => {
    wake()
    await turns()
    const made = serve()
    if (made.length > 0) {
      const { fresh, joined } = await predictions.appendPredictions(made)
      parts.evidence.add({ fresh, joined })
    }
    await deliver()
    clock.advance(stepMs)
    await turns()
  }

  await apply(parts.controller, options)
  // Callers are let in once stable is up, as at a real start.
  while (parts.deployer.fleets.readyCount('digits', 'v1') === 0) {
    clock.advance(stepMs)
    wake()
    await turns()
  }

  return {
    get controller() {
      return parts.controller
    },
    predictions,
    answered,
    counts,
    complaints,
    nowMs: () => clock.nowMs(),
    behave: (version, change) => behaviours.set(version, { ...behaviour(version), ...change }),
    traffic: requestsPerSecond => {
      rate = requestsPerSecond
    },
    labels: delayMs => {
      labelDelayMs = delayMs
    },
    crash: (version, final = true) => parts.deployer.crash('digits', version, 'killed by the test', final),
    async release(document) {
      const resource = compileResource(validateResource({ kind: 'Release', endpoint: 'digits', to: 'v2', ...document }))
      if (resource.kind !== 'Release') throw new Error('not a release')
      const started = await parts.controller.applyRelease({
        plan: resource.plan,
        actor: 'test',
        dryRun: false,
        again: true,
      })
      if (started.release === null) throw new Error(`no release: ${started.change.note}`)
      return started.release
    },
    async pass(ms) {
      for (let gone = 0; gone < ms; gone += stepMs) await live()
    },
    async until(done, atMostMs) {
      for (let gone = 0; gone < atMostMs && !done(); gone += stepMs) await live()
      return done()
    },
    async restart() {
      parts.controller.stop()
      await parts.deployer.close()
      parts = boot()
      parts.controller.load()
      await replay(parts, predictions)
      parts.controller.start()
      await turns()
    },
    state: release => parts.controller.release(release).release,
  }
}

async function apply(controller: Controller, options: WorldOptions): Promise<void> {
  controller.load()
  controller.start()
  const version = { command: ['serve', '{port}'], cwd: '/', instances: options.instances ?? 2 }
  const resource = compileResource(
    validateResource({
      kind: 'Endpoint',
      name: 'digits',
      stable: 'v1',
      versions: Object.fromEntries(Object.keys(options.versions).map(name => [name, version])),
      prediction: { output: 'label', read: 'value' },
      metrics: { accuracy: { type: 'accuracy' }, pleased: { type: 'rate', of: 'reward', better: 'higher' } },
      ...options.endpoint,
    }),
  )
  if (resource.kind !== 'Endpoint') throw new Error('not an endpoint')
  await controller.applyEndpoint({ spec: resource.spec, actor: 'test', dryRun: false })
}

/** What the next server reads again from the log of predictions, as the composition root does. */
async function replay(
  { controller, evidence }: { controller: Controller; evidence: Accumulator },
  predictions: ReturnType<typeof createMemoryPredictionLog>,
): Promise<void> {
  for (const release of Object.values(controller.state().releases)) {
    const fromEpoch = release.epochs[0]?.epoch
    if (isTerminal(release) || fromEpoch === undefined) continue
    await predictions.replay({ tails: [{ endpoint: 'digits', fromEpoch }] }, batch =>
      evidence.add({ fresh: batch.predictions, joined: batch.joined }),
    )
  }
}

function said(
  { errorRate, wrongRate, latencyMs }: Behaviour,
  truth: number,
  random: Random,
): Pick<Prediction, 'status' | 'failed' | 'latencyMs' | 'answer' | 'scores' | 'features' | 'payload'> {
  const failed = random.next() < errorRate
  const wrong = random.next() < wrongRate
  return {
    status: failed ? 500 : 200,
    failed,
    latencyMs: latencyMs * (0.8 + 0.4 * random.next()),
    answer: failed ? null : [wrong ? (truth + 1) % classes : truth],
    scores: null,
    features: null,
    payload: null,
  }
}

/** What a version does with requests that no caller waits for. */
function tried(trial: Trial, behaviours: ReadonlyMap<string, Behaviour>, random: Random): TrialReport {
  const own = behaviours.get(trial.version) ?? sound
  const sent = trial.kind === 'smoke' ? trial.requests.length : trial.requests
  const answers = Array.from({ length: sent }, () => said(own, 0, random))
  const answered = answers.filter(({ failed }) => !failed)
  const other = trial.kind === 'replay' ? (behaviours.get(trial.against) ?? sound) : own
  const agreed =
    trial.kind === 'smoke'
      ? answered.length
      : answered.filter(({ answer }) => said({ ...other, errorRate: 0 }, 0, random).answer?.[0] === answer?.[0]).length
  return {
    id: trial.id,
    version: trial.version,
    sent,
    answered: answered.length,
    compared: answered.length,
    agreed,
    examples: [],
    reason: `${answered.length} of ${sent} answered, ${agreed} alike`,
  }
}

/** Reports of fleets come in later turns. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
