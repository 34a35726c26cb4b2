/** The composition root: every part is made here, handed its ports here, and ended here in reverse order. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { createEntrances } from './adapters/access/entrances.ts'
import { addKeyCounts } from './adapters/access/keyring.ts'
import { nodeSecrets } from './adapters/access/node-secrets.ts'
import { openDuckdbAnalytics } from './adapters/analytics/duckdb.ts'
import { systemClock } from './adapters/clock/system.ts'
import { openDataFolder } from './adapters/data-folder/data-folder.ts'
import { createDeployer } from './adapters/deployer/deployer.ts'
import { openSqliteEventLog } from './adapters/event-log/sqlite.ts'
import { createExpressions } from './adapters/expressions/cel.ts'
import { createPoller } from './adapters/metric-sources/poller.ts'
import { createMetricsPage } from './adapters/metrics/prometheus.ts'
import { openSqlitePredictionLog } from './adapters/prediction-log/sqlite.ts'
import { createRecorder, type OnCommitted } from './adapters/recorder/recorder.ts'
import { createRegistries } from './adapters/registries/registries.ts'
import { openSpans } from './adapters/tracing/open-spans.ts'
import { createTrafficRate } from './adapters/traffic-rate/traffic-rate.ts'
import { createTrials } from './adapters/trials/trials.ts'
import { createCourier } from './adapters/webhooks/courier.ts'
import { createGatekeeper } from './adapters/webhooks/gatekeeper.ts'
import { createApi } from './api/api.ts'
import { runDemo } from './cli/demo/demo.ts'
import { exitCodes } from './cli/errors.ts'
import type { DemoOptions, ServeFlags } from './cli/invocation.ts'
import type { CliIo } from './cli/io.ts'
import { compileResource, validateResource } from './config/compile.ts'
import { isLoopback, type ServerSettings } from './config/load.ts'
import { readSettings } from './config/read-settings.ts'
import { readResourceFile } from './config/resource-file.ts'
import { resolvePaths } from './contract/resource-paths.ts'
import type { Resource } from './contract/resources.ts'
import { type Controller, createController } from './controller/controller.ts'
import { createRegistrar } from './controller/registrar.ts'
import { keysOf } from './core/access/registry.ts'
import { regressionOf } from './core/bandit/regression.ts'
import type { EndpointSpec } from './core/endpoint.ts'
import { CutoverError } from './core/errors.ts'
import { limits } from './core/limits.ts'
import { unitMetricsOf } from './core/metrics/by-unit.ts'
import { tellMonitored, watchedOf } from './core/monitor/monitoring.ts'
import { pairingOf } from './core/pairing.ts'
import type { ReleasePlan } from './core/plan.ts'
import type { ControlState } from './core/state.ts'
import type { SecretRef } from './core/webhook.ts'
import { createAccumulator } from './evidence/accumulator.ts'
import { createBaselines } from './evidence/baselines.ts'
import { awaitedBy, createDelayBook } from './evidence/delay-book.ts'
import { compileDefinitions, type MetricDefinitions } from './evidence/metric-book.ts'
import { rebuildEvidence } from './evidence/rebuild.ts'
import { createWatchBook } from './evidence/watch/watch-book.ts'
import { createGateway } from './gateway/gateway.ts'
import type { GatewayStats } from './gateway/stats.ts'
import { createQuestions } from './main/questions.ts'
import type { Analytics } from './ports/analytics.ts'
import type { Deployer, FleetReport } from './ports/deployer.ts'
import type { Expressions } from './ports/expressions.ts'
import type { PredictionLog } from './ports/prediction-log.ts'
import type { Recorder } from './ports/recorder.ts'
import { carryOutFor } from './workers/carry-out.ts'
import { addRecorders } from './workers/counts.ts'
import { GatewayPool } from './workers/gateway-pool.ts'
import { assertPortFree } from './workers/port-probe.ts'
import { startThread } from './workers/start-thread.ts'

const version = readVersion()

type Address = { host: string; port: number; secure: boolean }

type RunningServer = {
  inference: Address
  control: Address
  /** Null where none was asked for. */
  grpc: { host: string; port: number } | null
  /** Where the key is that the server made for itself; null where none is asked for. */
  keyFile: string | null
  stop(): Promise<void>
}

/** Serves until it is told to end. */
export async function serve(flags: ServeFlags, io: CliIo): Promise<number> {
  const server = await startServer(await readSettings({ flags, env: io.env, cwd: io.cwd }))
  const grpc = server.grpc === null ? '' : `grpc ${addressOf(server.grpc)}  `
  const addresses = `inference ${urlOf(server.inference)}  control ${urlOf(server.control)}  ${grpc}`
  io.stderr.write(`${addresses}(Ctrl-C ends it)\n`)
  if (server.keyFile !== null) io.stderr.write(firstKeyText(server.keyFile))
  await interruption()
  await server.stop()
  return exitCodes.done
}

/** The demo, on a server of its own in a folder that goes with it. */
export async function demo(options: DemoOptions, io: CliIo): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-demo-'))
  try {
    return await runDemo({
      once: options.once,
      json: options.output === 'json',
      seed: options.seed ?? 1,
      start: async resources => {
        const server = await startOnFreePorts({ data: folder, logLevel: 'error', resources })
        return { inferenceUrl: urlOf(server.inference), controlUrl: urlOf(server.control), stop: server.stop }
      },
      write: line => io.stdout.write(`${line}\n`),
      interrupted: interruption(),
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function firstKeyText(file: string): string {
  return `keys are needed; the first one is made on this machine: CUTOVER_API_KEY_FILE=${file} cutover keys create NAME\n`
}

function urlOf(address: Address): string {
  return `${address.secure ? 'https' : 'http'}://${addressOf(address)}`
}

function addressOf({ host, port }: { host: string; port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

const openLoopback = { host: '127.0.0.1', auth: 'none', tls: null, cors: null } as const

/** The usual ports, or free ones if somebody has those. */
async function startOnFreePorts(
  settings: Pick<ServerSettings, 'data' | 'logLevel' | 'resources'>,
): Promise<RunningServer> {
  const at = (inference: number, control: number) =>
    startServer({
      ...settings,
      tracing: null,
      inference: { ...openLoopback, port: inference },
      control: { ...openLoopback, port: control },
      grpc: null,
      workers: 0,
    })
  try {
    return await at(8080, 8081)
  } catch (error) {
    if (error instanceof CutoverError && error.code === 'port-in-use') return at(0, 0)
    throw error
  }
}

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends the process at once. */
function interruption(): Promise<void> {
  return new Promise(resolve => {
    const stop = (): void => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.removeListener(signal, stop)
        process.once(signal, () => process.exit(exitCodes.failed))
      }
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
  })
}

/** Starts a server on its data folder; rejects with a `CutoverError` and leaves nothing running if it cannot. */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const endings: (() => unknown)[] = []
  const stop = async (): Promise<void> => {
    for (let end = endings.pop(); end !== undefined; end = endings.pop()) await end()
  }
  try {
    return { ...(await compose(settings, endings)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function compose(settings: ServerSettings, endings: (() => unknown)[]): Promise<Omit<RunningServer, 'stop'>> {
  const logger = pino({ level: settings.logLevel, base: null }, pino.destination({ fd: 2, sync: true }))
  const complain = (what: string, cause: unknown): void => logger.error({ err: cause }, what)
  const clock = systemClock

  const folder = openDataFolder(settings.data)
  endings.push(() => folder.close())
  const log = openSqliteEventLog(folder.file('events.db'))
  endings.push(() => log.close())
  const predictions = await openSqlitePredictionLog({ file: folder.file('predictions.db'), clock })
  endings.push(() => predictions.close())

  const entrances = createEntrances({
    ...{ settings, clock, logger, secrets: nodeSecrets, isLocal: isLoopback },
    keyFile: folder.file('control.key'),
  })
  endings.push(() => entrances.close())

  const expressions = createExpressions()
  const definitions = definitionsBy(expressions)
  const evidence = createAccumulator({
    definitions: name => definitions(control.state(), name),
    learnedWindowMs: release => control.state().releases[release]?.plan.labelWindowMs ?? null,
    pairing: ({ release, epoch }) => pairingOf(control.state().releases[release], epoch),
    regression: ({ release, epoch }) => regressionOf(control.state().releases[release], epoch),
  })
  const watches = createWatchBook({ watched: name => watchedOf(control.state().endpoints[name]) })
  const delays = createDelayBook({ awaited: awaitedBy(name => control.state().endpoints[name]?.spec) })
  const books = [evidence, watches, delays]
  const onCommitted: OnCommitted = batch => {
    for (const book of books) book.add(batch)
  }
  const recorder = createRecorder({
    log: predictions,
    clock,
    onCommitted,
    onDropped: ({ count, cause, error }) => logger.error({ err: error, count, cause }, 'predictions were lost'),
    flushMs: limits.recorderFlushMs,
    batchMax: limits.recorderBatchMax,
    queueMax: limits.recorderQueueMax,
  })
  endings.push(() => recorder.close())

  const pool = settings.workers === 0 ? null : startPool(settings, { recorder, predictions, onCommitted, logger })
  endings.push(() => pool?.close({ drainMs: limits.shutdownTimeoutMs }))

  let controller: Controller | null = null
  const report = (one: FleetReport): void => controller?.report(one)
  const deployer = createDeployer({ clock, report, logger, ...(pool !== null && { follower: pool.fleets }) })
  endings.push(() => deployer.close())

  let isServing = false
  const secretOf = ({ env }: SecretRef): string | null => process.env[env] || null
  // Workers make their own.
  const spans = pool === null ? openSpans(settings.tracing, { version, clock, secretOf, complain }) : null
  endings.push(() => spans?.close())
  const metrics = createMetricsPage(async () => {
    const workers = await pool?.read()
    const access = entrances.stats()
    return {
      ...gateway.stats(),
      recorder: addRecorders(recorder.stats(), workers?.recorder),
      registries: registrar.status(),
      readyInstances: readyInstances(control.state(), deployer),
      state: control.state(),
      access: { ...access, keys: addKeyCounts(access.keys, workers?.keys ?? []) },
      ...(workers !== undefined && { workers }),
    }
  })
  const gateway =
    pool ??
    createGateway({
      fleets: deployer.fleets,
      recorder,
      clock,
      version,
      logger,
      isReady: () => isServing,
      observe: sample => metrics.observe(sample),
      access: entrances.access('inference'),
      certificates: entrances.certificates('inference'),
      cors: settings.inference.cors ?? undefined,
      ...(spans !== null && { tracing: spans.tracing }),
    })
  const rate = createTrafficRate({ clock, read: () => requestsByEndpoint(gateway.stats()) })
  endings.push(() => rate.stop())
  const sources = createPoller({ clock })
  endings.push(() => sources.close())
  const courier = createCourier({ file: folder.file('deliveries.db'), clock, secretOf, complain })
  endings.push(() => courier.close())
  const gates = createGatekeeper({
    clock,
    secretOf,
    onPending: ({ release, gate }, detail) =>
      logger.warn({ release, url: gate.url, detail }, 'a gate has not answered'),
  })
  const trials = createTrials({
    fleets: deployer.fleets,
    predictions,
    specOf: endpoint => control.state().endpoints[endpoint]?.spec,
  })
  endings.push(() => trials.close())
  const monitoring = { watch: (name: string) => watches.read(name), delays: (name: string) => delays.read(name) }
  const baselines = createBaselines({ log: predictions, expressions })
  const control = createController({
    log,
    clock,
    deployer,
    traffic: gateway,
    flags: gateway,
    evidence,
    monitoring,
    expressions,
    rate,
    sources,
    notices: courier,
    gates,
    trials,
    baselines,
    secrets: nodeSecrets,
    complain,
  })
  controller = control
  control.load()
  const syncKeys = (): void => {
    entrances.sync(keysOf(control.state()))
    pool?.tellAll({ keys: entrances.keys() })
  }
  syncKeys()
  endings.push(
    control.subscribe(({ event }) => {
      if (event.type.startsWith('key-')) syncKeys()
    }),
  )
  await rebuildEvidence(control.state(), { predictions, evidence, books })
  const stopTelling = control.subscribe(({ event }) => {
    if (event.type !== 'monitored') return
    const { endpoint, report } = event
    logger[report.status === 'ok' ? 'info' : 'warn']({ endpoint, report }, tellMonitored(event))
  })
  endings.push(stopTelling)
  control.start()
  endings.push(() => control.stop())
  const registrar = createRegistrar({
    control,
    registries: createRegistries({ clock, folder: folder.file('models'), secretOf }),
    clock,
    onTrouble: (where, problem) =>
      problem === null
        ? logger.info(where, 'a model registry is in order again')
        : logger.warn({ ...where, problem }, 'a model registry has trouble'),
  })
  endings.push(() => registrar.close())

  const analytics = analyticsOnDemand(() =>
    openDuckdbAnalytics({ log: folder.file('predictions.db'), file: folder.file('analytics.duckdb'), clock }),
  )
  endings.push(() => analytics.close())
  const api = createApi({
    control,
    predictions,
    analytics,
    deliveries: courier,
    ...createQuestions(predictions, expressions),
    metrics,
    version,
    clock,
    health: { ready: () => isServing },
    access: entrances.access('control'),
    certificates: entrances.certificates('control'),
    cors: settings.control.cors ?? undefined,
    // A document that comes without a file has its paths beside the server.
    compile: resource => compileResource(resolvePaths(resource, process.cwd()) as Resource),
    onInternalError: (error, request) => logger.error({ err: error, ...request }, 'a control request failed'),
  })
  endings.push(() => api.close())
  const listening = await api.listen(settings.control)
  const controlAddress = { host: listening.host, port: listening.port, secure: settings.control.tls !== null }
  if (settings.resources !== null) await applyFile(control, settings.resources)

  await fleetsSettled(control, deployer)
  const inference = { ...(await gateway.listen(settings.inference)), secure: settings.inference.tls !== null }
  endings.push(() => gateway.close({ drainMs: limits.shutdownTimeoutMs }))
  const grpc = settings.grpc === null ? null : await gateway.listenGrpc(settings.grpc)
  isServing = true
  pool?.tellAll({ isReady: true })
  logger.info({ inference, control: controlAddress, ...(grpc !== null && { grpc }), data: folder.path }, 'serving')
  return { inference, control: controlAddress, grpc, keyFile: entrances.keyFile }
}

/** Gateways in threads of their own; what they record goes where the main thread's own would. */
function startPool(
  { workers, logLevel, inference, tracing }: ServerSettings,
  { logger, ...stores }: { recorder: Recorder; predictions: PredictionLog; onCommitted: OnCommitted; logger: Logger },
): GatewayPool {
  return new GatewayPool({
    ...{ workers, version, logLevel, tracing, listener: inference, clock: systemClock, logger },
    start: startThread,
    probe: assertPortFree,
    call: carryOutFor(stores),
  })
}

function requestsByEndpoint({ requests }: GatewayStats): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { endpoint, count } of requests) counts.set(endpoint, (counts.get(endpoint) ?? 0) + count)
  return counts
}

/** What each endpoint measures, compiled once for every specification and for every release that needs more. */
function definitionsBy(expressions: Expressions): (state: ControlState, name: string) => MetricDefinitions | null {
  type Compiled = { spec: EndpointSpec; definitions: MetricDefinitions }
  const compiled = new WeakMap<EndpointSpec | ReleasePlan, Compiled>()
  return (state, name) => {
    const endpoint = state.endpoints[name]
    if (endpoint === undefined) return null
    const { spec, activeRelease } = endpoint
    const plan = activeRelease === null ? undefined : state.releases[activeRelease]?.plan
    const known = compiled.get(plan ?? spec)
    if (known?.spec === spec) return known.definitions
    const definitions = compileDefinitions(spec, expressions, unitMetricsOf(plan?.stages ?? []))
    compiled.set(plan ?? spec, { spec, definitions })
    return definitions
  }
}

/** Opened by the first question: who asks none needs no copy of the log. */
function analyticsOnDemand(open: () => Promise<Analytics>): Analytics {
  let opened: Promise<Analytics> | null = null
  const ready = (): Promise<Analytics> => {
    opened ??= open()
    return opened.catch((error: unknown) => {
      opened = null
      throw error
    })
  }
  return {
    summarise: async query => (await ready()).summarise(query),
    offPolicyRows: async (query, each) => (await ready()).offPolicyRows(query, each),
    close: async () => {
      await (await opened?.catch(() => null))?.close()
    },
  }
}

function readyInstances(state: ControlState, deployer: Deployer) {
  return Object.values(state.endpoints).flatMap(({ spec, fleets }) =>
    Object.keys(fleets).map(name => ({
      endpoint: spec.name,
      version: name,
      count: deployer.fleets.readyCount(spec.name, name),
    })),
  )
}

/** Callers are let in once every version that traffic goes to is up, or is known not to come up. Nobody is up in a gap. */
async function fleetsSettled(control: Controller, deployer: Deployer): Promise<void> {
  const untilMs = performance.now() + limits.startupGraceMs
  const isSettled = (): boolean =>
    Object.values(control.state().endpoints).every(
      ({ spec, table, fleets }) =>
        table.gap !== undefined ||
        Object.keys(table.weights).every(
          name => fleets[name] === 'failed' || deployer.fleets.readyCount(spec.name, name) > 0,
        ),
    )
  while (!isSettled() && performance.now() < untilMs) await new Promise(resolve => setTimeout(resolve, 20))
}

/** Everything in the file is checked before anything is applied. */
async function applyFile(control: Controller, file: string): Promise<void> {
  const documents = await readResourceFile(file)
  const resources = documents.map(document => compileResource(validateResource(document.value)))
  const actor = `file ${file}`
  const beside = {
    flags: resources.flatMap(one => (one.kind === 'Flag' ? [one.spec] : [])),
    segments: resources.flatMap(one => (one.kind === 'Segment' ? [one.spec] : [])),
  }
  for (const spec of beside.segments) control.applySegment({ spec, actor, dryRun: false })
  for (const spec of beside.flags) control.applyFlag({ spec, actor, note: null, dryRun: false, beside })
  for (const one of resources)
    if (one.kind === 'Endpoint') await control.applyEndpoint({ spec: one.spec, actor, dryRun: false })
  for (const one of resources)
    if (one.kind === 'Release') await control.applyRelease({ plan: one.plan, actor, dryRun: false, again: false })
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return String((JSON.parse(text) as { version: unknown }).version)
}
