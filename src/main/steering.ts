/** What decides on releases: the controller, and everything that it asks, tells and is told by. */
import { nodeSecrets } from '../adapters/access/node-secrets.ts'
import { uptimeClock } from '../adapters/clock/uptime.ts'
import { createPoller } from '../adapters/metric-sources/poller.ts'
import { createTrafficRate } from '../adapters/traffic-rate/traffic-rate.ts'
import { createTrials } from '../adapters/trials/trials.ts'
import { type Courier, createCourier } from '../adapters/webhooks/courier.ts'
import { createGatekeeper } from '../adapters/webhooks/gatekeeper.ts'
import { type Controller, createController } from '../controller/controller.ts'
import { keysOf } from '../core/access/registry.ts'
import { createBaselines } from '../evidence/baselines.ts'
import type { GatewayStats } from '../gateway/stats.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { DataPlane } from './data-plane.ts'
import type { createEvidenceBooks } from './evidence-books.ts'
import type { Ground } from './ground.ts'
import type { Stores } from './stores.ts'

export type Steering = { control: Controller; courier: Courier }

type Options = {
  stores: Stores
  books: ReturnType<typeof createEvidenceBooks>
  expressions: Expressions
  plane: DataPlane
}

/** Nothing is decided before the controller is started. */
export function createSteering(
  { logger, complain, clock, entrances, secretOf, endings }: Ground,
  { stores, books: { evidence, feed, monitoring }, expressions, plane: { gateway, pool, deployer } }: Options,
): Steering {
  const { events: log, predictions, deliveries } = stores
  const rate = createTrafficRate({ uptime: uptimeClock, read: () => requestsByEndpoint(gateway.stats()) })
  endings.push(() => rate.stop())
  const sources = createPoller({ clock, uptime: uptimeClock })
  endings.push(() => sources.close())
  const courier = createCourier({ store: deliveries, clock, secretOf, complain })
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
  const control = createController({
    ...{ log, clock, deployer, evidence, monitoring, expressions, rate, sources, gates, trials, complain },
    traffic: gateway,
    flags: gateway,
    isWhole: endpoint => feed.isWhole(endpoint),
    notices: courier,
    baselines: createBaselines({ log: predictions, expressions }),
    secrets: nodeSecrets,
  })
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
  return { control, courier }
}

function requestsByEndpoint({ requests }: GatewayStats): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { endpoint, count } of requests) counts.set(endpoint, (counts.get(endpoint) ?? 0) + count)
  return counts
}
