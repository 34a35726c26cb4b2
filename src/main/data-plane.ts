/** What answers callers: fleets, the gateway that is here or in workers, the recorder, and the page that counts them. */
import { addKeyCounts } from '../adapters/access/keyring.ts'
import { uptimeClock } from '../adapters/clock/uptime.ts'
import { createDeployer } from '../adapters/deployer/deployer.ts'
import { createMetricsPage, type MetricReadings, type MetricsPage } from '../adapters/metrics/prometheus.ts'
import { createRecorder, type OnCommitted } from '../adapters/recorder/recorder.ts'
import { openSpans } from '../adapters/tracing/open-spans.ts'
import { limits } from '../core/limits.ts'
import { own } from '../core/own.ts'
import type { ControlState } from '../core/state.ts'
import { createGateway, type Gateway } from '../gateway/gateway.ts'
import type { Deployer, FleetReport } from '../ports/deployer.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import { carryOutFor } from '../workers/carry-out.ts'
import { addRecorders } from '../workers/counts.ts'
import { GatewayPool, type GatewayPoolOptions } from '../workers/gateway-pool.ts'
import { startThread } from '../workers/start-thread.ts'
import type { Ground } from './ground.ts'
import { version } from './version.ts'

export type DataPlane = {
  gateway: Omit<Gateway, 'learn'>
  /** Null where the one gateway has no worker. */
  pool: GatewayPool | null
  deployer: Deployer
  metrics: MetricsPage
}

type Options = {
  predictions: PredictionLog
  onCommitted: OnCommitted
  /** Rejects where a worker could not listen. */
  probe: GatewayPoolOptions['probe']
  /** Whether callers are let in. */
  isServing(): boolean
  report(fleet: FleetReport): void
  /** What the page tells beside what is counted here. */
  read(): Pick<MetricReadings, 'state' | 'registries' | 'isEvidenceWhole'>
}

export function openDataPlane(
  ground: Ground,
  { predictions, onCommitted, probe, isServing, report, read }: Options,
): DataPlane {
  const { settings, logger, complain, clock, entrances, secretOf, endings } = ground
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
  const pool = settings.workers === 0 ? null : startPool(ground, { call, probe })
  endings.push(() => pool?.close({ drainMs: limits.shutdownTimeoutMs }))

  // Of restarts and health checks durations are all that counts.
  const deployer = createDeployer({
    clock: uptimeClock,
    report,
    logger,
    ...(pool !== null && { follower: pool.fleets }),
  })
  endings.push(() => deployer.close())

  // Workers make their own.
  const spans = pool === null ? openSpans(settings.tracing, { version, clock, secretOf, complain }) : null
  endings.push(() => spans?.close())
  const metrics = createMetricsPage(async () => {
    const workers = await pool?.read()
    const access = entrances.stats()
    const rest = read()
    return {
      ...gateway.stats(),
      ...rest,
      recorder: addRecorders(recorder.stats(), workers?.recorder),
      readyInstances: readyInstances(rest.state, deployer),
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
      isReady: isServing,
      observe: sample => metrics.observe(sample),
      access: entrances.access('inference'),
      certificates: entrances.certificates('inference'),
      connectionsMax: settings.inference.connectionsMax,
      cors: settings.inference.cors ?? undefined,
      ...(spans !== null && { tracing: spans.tracing }),
    })
  return { gateway, pool, deployer, metrics }
}

/** Gateways in threads of their own; what they record goes where the main thread's own would. */
function startPool(
  { settings: { workers, logLevel, inference, tracing }, logger }: Ground,
  { call, probe }: Pick<GatewayPoolOptions, 'call' | 'probe'>,
): GatewayPool {
  return new GatewayPool({
    ...{ workers, version, logLevel, tracing, listener: inference, uptime: uptimeClock, logger, call, probe },
    start: startThread,
  })
}

function readyInstances(state: ControlState, deployer: Deployer): MetricReadings['readyInstances'] {
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
