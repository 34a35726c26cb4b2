/** The composition root: every part is made here, handed its ports here, and ended here in reverse order. */
import type { Logger } from 'pino'
import { createEntrances } from '../adapters/access/entrances.ts'
import { addKeyCounts } from '../adapters/access/keyring.ts'
import { nodeSecrets } from '../adapters/access/node-secrets.ts'
import { openDuckdbAnalytics } from '../adapters/analytics/duckdb.ts'
import { analyticsOnDemand } from '../adapters/analytics/on-demand.ts'
import { systemClock } from '../adapters/clock/system.ts'
import { uptimeClock } from '../adapters/clock/uptime.ts'
import { openDataFolder } from '../adapters/data-folder/data-folder.ts'
import { createDeployer } from '../adapters/deployer/deployer.ts'
import { createExpressions } from '../adapters/expressions/cel.ts'
import { createPoller } from '../adapters/metric-sources/poller.ts'
import { createMetricsPage } from '../adapters/metrics/prometheus.ts'
import { createRecorder, type OnCommitted } from '../adapters/recorder/recorder.ts'
import { createRegistries } from '../adapters/registries/registries.ts'
import { createServerLog } from '../adapters/server-log/server-log.ts'
import { createSimulations } from '../adapters/simulations/threads.ts'
import { headersOf, openSpans } from '../adapters/tracing/open-spans.ts'
import { createTrafficRate } from '../adapters/traffic-rate/traffic-rate.ts'
import { createTrials } from '../adapters/trials/trials.ts'
import { createCourier } from '../adapters/webhooks/courier.ts'
import { createGatekeeper } from '../adapters/webhooks/gatekeeper.ts'
import { createApi } from '../api/api.ts'
import { compileResource } from '../config/compile.ts'
import { isLoopback, type ServerSettings } from '../config/load.ts'
import { resolvePaths } from '../contract/resource-paths.ts'
import type { Resource } from '../contract/resources.ts'
import { type Controller, createController } from '../controller/controller.ts'
import { createRegistrar } from '../controller/registrar.ts'
import { startRetention } from '../controller/retention.ts'
import { keysOf } from '../core/access/registry.ts'
import { limits } from '../core/limits.ts'
import { tellMonitored } from '../core/monitor/monitoring.ts'
import { own } from '../core/own.ts'
import type { ControlState } from '../core/state.ts'
import type { SecretRef } from '../core/webhook.ts'
import { createBaselines } from '../evidence/baselines.ts'
import { createGateway } from '../gateway/gateway.ts'
import type { GatewayStats } from '../gateway/stats.ts'
import type { Deployer, FleetReport } from '../ports/deployer.ts'
import { carryOutFor } from '../workers/carry-out.ts'
import { addRecorders } from '../workers/counts.ts'
import { GatewayPool, type GatewayPoolOptions } from '../workers/gateway-pool.ts'
import { assertPortFree } from '../workers/port-probe.ts'
import { startThread } from '../workers/start-thread.ts'
import { readDashboard } from './dashboard-files.ts'
import { type Ending, endAll } from './endings.ts'
import { createEvidenceBooks } from './evidence-books.ts'
import { openToOthers } from './peers.ts'
import { createQuestions } from './questions.ts'
import { readEvidence } from './read-evidence.ts'
import { type Standby, standBy } from './standby.ts'
import { applyFile, fleetsSettled } from './start-up.ts'
import { openStores } from './stores.ts'
import { version } from './version.ts'

export type Address = { host: string; port: number; secure: boolean }

export type RunningServer = {
  inference: Address
  control: Address
  /** Null where none was asked for. */
  grpc: { host: string; port: number } | null
  /** Where the key is that the server made for itself; null where none is asked for. */
  keyFile: string | null
  /** Resolves where another server has taken over the database: this one should end. */
  takenOver: Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a server on its data folder; rejects with a `CutoverError` and leaves nothing running if it cannot. Where another
 * server has the database it waits, and serves beside that one, until it follows it or is told to end (`ToldToEnd`).
 */
export async function startServer(
  settings: ServerSettings,
  toldToEnd: () => Promise<void> = () => new Promise(() => {}),
): Promise<RunningServer> {
  const endings: Ending[] = []
  const stop = (): Promise<void> => endAll(endings)
  try {
    return { ...(await compose(settings, { endings, toldToEnd })), stop }
  } catch (error) {
    // Why it could not start matters more than what went wrong after that.
    await stop().catch(() => {})
    throw error
  }
}

async function compose(
  settings: ServerSettings,
  { endings, toldToEnd }: { endings: Ending[]; toldToEnd: () => Promise<void> },
): Promise<Omit<RunningServer, 'stop'>> {
  const logger = createServerLog({ level: settings.logLevel, base: null })
  const complain = (what: string, cause: unknown): void => logger.error({ err: cause }, what)
  const clock = systemClock

  const folder = openDataFolder(settings.data)
  endings.push(() => folder.close())
  const entrances = createEntrances({
    ...{ settings, clock, logger, secrets: nodeSecrets, isLocal: isLoopback },
    keyFile: folder.file('control.key'),
  })
  endings.push(() => entrances.close())
  const takenOver = Promise.withResolvers<void>()
  let standby: Standby | null = null as Standby | null
  const stores = await openStores(
    {
      ...{ folder, clock, database: settings.database },
      onPacking: rows =>
        logger.info(
          { rows },
          'predictions of an earlier version are packed, once: the server starts when that is done',
        ),
      onLost: error =>
        complain(
          'the thread of the prediction log has ended and is started again; what it was writing may be in no evidence before the next start',
          error,
        ),
      onUnread: data =>
        logger.warn(
          { data },
          'the data folder has a log of its own, which is not read; `cutover move` takes it into a new database',
        ),
      onWaiting: async holder => {
        logger.info({ holder }, 'another server serves from this database; this one stands by')
        standby = await standBy({
          ...{ settings, holder, version, logger, toldToEnd: toldToEnd() },
          certificates: entrances.certificates('control'),
        })
        endings.push(standby.close)
        return standby
      },
      onTakenOver: takenOver.resolve,
    },
    endings,
  )
  if (standby !== null) logger.info('the server that served is gone; this one takes over')
  const { events: log, predictions } = stores

  const expressions = createExpressions()
  const { evidence, feed, monitoring } = createEvidenceBooks({ predictions, expressions, state: () => control.state() })
  const onCommitted: OnCommitted = batch => feed.add(batch)
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

  const call = carryOutFor({ recorder, predictions, onCommitted })
  const probe = standby === null ? assertPortFree : async () => {}
  const pool = settings.workers === 0 ? null : startPool(settings, { call, probe, logger })
  endings.push(() => pool?.close({ drainMs: limits.shutdownTimeoutMs }))
  if (stores.guests?.had === true) pool?.expectStrays()

  let controller: Controller | null = null
  const report = (one: FleetReport): void => controller?.report(one)
  // Of restarts and health checks durations are all that counts.
  const deployer = createDeployer({
    clock: uptimeClock,
    report,
    logger,
    ...(pool !== null && { follower: pool.fleets }),
  })
  endings.push(() => deployer.close())

  let isServing = false
  const secretOf = ({ env }: SecretRef): string | null => process.env[env] || null
  if (settings.tracing !== null) headersOf(settings.tracing, secretOf)
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
      isEvidenceWhole: endpoint => feed.isWhole(endpoint),
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
      uptime: uptimeClock,
      version,
      logger,
      isReady: () => isServing,
      observe: sample => metrics.observe(sample),
      access: entrances.access('inference'),
      certificates: entrances.certificates('inference'),
      connectionsMax: settings.inference.connectionsMax,
      cors: settings.inference.cors ?? undefined,
      ...(spans !== null && { tracing: spans.tracing }),
    })
  const rate = createTrafficRate({ uptime: uptimeClock, read: () => requestsByEndpoint(gateway.stats()) })
  endings.push(() => rate.stop())
  const sources = createPoller({ clock, uptime: uptimeClock })
  endings.push(() => sources.close())
  const courier = createCourier({ store: stores.deliveries, clock, secretOf, complain })
  endings.push(() => courier.close())
  const gates = createGatekeeper({
    clock,
    secretOf,
    onPending: ({ endpoint, release, gate }, detail) =>
      logger.warn({ endpoint, release, before: gate.before, url: gate.url, detail }, 'a gate has not answered'),
  })
  endings.push(() => gates.close())
  const trials = createTrials({
    fleets: deployer.fleets,
    predictions,
    specOf: endpoint => control.state().endpoints[endpoint]?.spec,
  })
  endings.push(() => trials.close())
  const baselines = createBaselines({ log: predictions, expressions })
  const control = createController({
    log,
    clock,
    deployer,
    traffic: gateway,
    flags: gateway,
    evidence,
    isWhole: endpoint => feed.isWhole(endpoint),
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
  const reading = readEvidence(feed, { state: control.state, logger, uptime: uptimeClock })
  endings.push(() => reading.close())
  const stopTelling = control.subscribe(({ event }) => {
    if (event.type !== 'monitored') return
    const { endpoint, report } = event
    logger[report.status === 'ok' ? 'info' : 'warn']({ endpoint, report }, tellMonitored(event))
  })
  endings.push(stopTelling)
  control.start()
  endings.push(() => control.stop())
  const { keepPredictionsMs: keepMs } = settings
  const retention =
    keepMs === null
      ? null
      : startRetention({
          ...{ control, log: predictions, clock, uptime: uptimeClock, keepMs, complain },
          onTrimmed: count => logger.info({ count }, 'predictions that were old enough were let go'),
        })
  endings.push(() => retention?.close())
  const registrar = createRegistrar({
    control,
    registries: createRegistries({ clock, folder: folder.file('models'), secretOf }),
    uptime: uptimeClock,
    onTrouble: (where, problem) =>
      problem === null
        ? logger.info(where, 'a model registry is in order again')
        : logger.warn({ ...where, problem }, 'a model registry has trouble'),
  })
  endings.push(() => registrar.close())

  const analytics = analyticsOnDemand(forget =>
    openDuckdbAnalytics({
      log: stores.place,
      file: folder.file('analytics.duckdb'),
      clock,
      onLost: error => {
        complain(
          'the thread that answers questions over the log has ended; the next question starts another one',
          error,
        )
        forget()
      },
    }),
  )
  endings.push(() => analytics.close())
  const simulations = createSimulations()
  const api = createApi({
    control,
    predictions,
    analytics,
    deliveries: courier,
    ...createQuestions({ log: predictions, expressions, simulations }),
    metrics,
    version,
    clock,
    health: { ready: () => isServing },
    access: entrances.access('control'),
    certificates: entrances.certificates('control'),
    cors: settings.control.cors ?? undefined,
    dashboard: readDashboard(),
    // A document that comes without a file has its paths beside the server.
    compile: resource => compileResource(resolvePaths(resource, process.cwd()) as Resource),
    onInternalError: (error, request) => logger.error({ err: error, ...request }, 'a control request failed'),
  })
  endings.push(() => api.close())
  // Before it: those who wait for one are told, and nobody waits for them.
  endings.push(() => simulations.close())
  const listening = await api.listen(settings.control)
  const controlAddress = { host: listening.host, port: listening.port, secure: settings.control.tls !== null }
  const file = settings.resources
  if (file !== null)
    await applyFile(control, file, (document, reason) =>
      logger.error({ reason }, `${document} of ${file} was refused; the server goes on with what its log says`),
    )

  await fleetsSettled(control, deployer, logger)
  await reading.soon
  const listen = () => gateway.listen(settings.inference)
  const inference = {
    ...(await (standby?.handOver('inference', listen) ?? listen())),
    secure: settings.inference.tls !== null,
  }
  endings.push(() => gateway.close({ drainMs: limits.shutdownTimeoutMs }))
  standby?.giveOver(recorded => (recorded.kind === 'recall' ? Promise.resolve(null) : call(recorded)))
  const { grpc: grpcAddress } = settings
  const listenGrpc = grpcAddress === null ? null : () => gateway.listenGrpc(grpcAddress)
  const grpc = listenGrpc === null ? null : await (standby?.handOver('grpc', listenGrpc) ?? listenGrpc())
  isServing = true
  pool?.tellAll({ isReady: true })
  const told = { inference, control: controlAddress, grpc }
  endings.push(await openToOthers({ stores, pool, settings, told, version, logger }))
  logger.info({ inference, control: controlAddress, ...(grpc !== null && { grpc }), data: folder.path }, 'serving')
  return { inference, control: controlAddress, grpc, keyFile: entrances.keyFile, takenOver: takenOver.promise }
}

/** Gateways in threads of their own; what they record goes where the main thread's own would. */
function startPool(
  { workers, logLevel, inference, tracing }: ServerSettings,
  { logger, call, probe }: Pick<GatewayPoolOptions, 'call' | 'probe'> & { logger: Logger },
): GatewayPool {
  return new GatewayPool({
    ...{ workers, version, logLevel, tracing, listener: inference, uptime: uptimeClock, logger, call, probe },
    start: startThread,
  })
}

function requestsByEndpoint({ requests }: GatewayStats): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { endpoint, count } of requests) counts.set(endpoint, (counts.get(endpoint) ?? 0) + count)
  return counts
}

function readyInstances(state: ControlState, deployer: Deployer) {
  return Object.values(state.endpoints).flatMap(({ spec, fleets }) =>
    Object.entries(fleets)
      // Of a version that is gone no fleet runs.
      .filter(([name, fleet]) => fleet !== 'absent' || own(spec.versions, name) !== undefined)
      .map(([name]) => ({
        endpoint: spec.name,
        version: name,
        count: deployer.fleets.readyCount(spec.name, name),
      })),
  )
}
