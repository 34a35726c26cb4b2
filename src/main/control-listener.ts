/** The listener of those who steer and those who look: the control API, the dashboard, the metrics page. */
import { openDuckdbAnalytics } from '../adapters/analytics/duckdb.ts'
import { analyticsOnDemand } from '../adapters/analytics/on-demand.ts'
import type { MetricsPage } from '../adapters/metrics/prometheus.ts'
import { createSimulations } from '../adapters/simulations/threads.ts'
import { createApi } from '../api/api.ts'
import { compileResource } from '../config/compile.ts'
import { resolvePaths } from '../contract/resource-paths.ts'
import type { Resource } from '../contract/resources.ts'
import type { Expressions } from '../ports/expressions.ts'
import { readDashboard } from './dashboard-files.ts'
import type { Ground } from './ground.ts'
import { createQuestions } from './questions.ts'
import type { Steering } from './steering.ts'
import type { Stores } from './stores.ts'
import { version } from './version.ts'

type Options = {
  stores: Pick<Stores, 'predictions' | 'place'>
  steering: Steering
  expressions: Expressions
  metrics: MetricsPage
  /** Whether callers are let in. */
  isServing(): boolean
}

/** Where it listens. Rejects where it cannot. */
export async function openControlListener(
  { settings, logger, complain, clock, folder, entrances, endings }: Ground,
  { stores: { predictions, place }, steering: { control, courier }, expressions, metrics, isServing }: Options,
): Promise<{ host: string; port: number; secure: boolean }> {
  const analytics = analyticsOnDemand(forget =>
    openDuckdbAnalytics({
      log: place,
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
    ...{ control, predictions, analytics, metrics, version, clock },
    deliveries: courier,
    ...createQuestions({ log: predictions, expressions, simulations }),
    health: { ready: isServing },
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
  const { host, port } = await api.listen(settings.control)
  return { host, port, secure: settings.control.tls !== null }
}
