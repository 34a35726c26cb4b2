import type { ReadyCheck } from '../../../core/endpoint.ts'
import { fieldPairs } from '../../../core/http/field-lines.ts'
import { limits } from '../../../core/limits.ts'
import type { Clock } from '../../../ports/clock.ts'
import { undiciConnector } from '../../tls/undici-connector.ts'
import type { Logger } from '../logger.ts'
import type { Replica, ReplicaEvents } from '../replica.ts'
import type { AddedHeaders } from './added-headers.ts'
import { Health } from './health.ts'
import { addressHasPath, openServer, type ServerPlan } from './open-server.ts'
import { Probe, type ProbeResult } from './probe.ts'
import { providerPath } from './provider-path.ts'

export type HttpReplicaPlan = ServerPlan & { ready: ReadyCheck; clock: Clock; logger: Logger }

/** A server at an address that is ready when its ready path says so. It never ends by itself. */
export function startHttpReplica(
  plan: HttpReplicaPlan,
  events: Pick<ReplicaEvents, 'ready' | 'waiting' | 'unhealthy' | 'failing'>,
): Replica {
  const { ready: _ready, clock, logger: _logger, ...server } = plan
  const observer = { judged: (ok: boolean, detail: string) => health.note(ok, detail) }
  const { instance, headers, tls, close } = openServer(server, { clock, observer, tell: tellOf(plan) })
  const connect = tls === null ? undefined : undiciConnector({ current: tls })
  const probe = new Probe(plan.address, readyCheckOf(plan, addressHasPath(plan)), limits.healthTimeoutMs, connect)
  const { provider } = plan
  const health = new Health({
    ask: () => askReady(probe, headers),
    clock,
    ...(provider !== undefined && plan.address.startsWith('https:') && { intervalMs: limits.providerHealthIntervalMs }),
    up: () => events.ready(instance),
    waiting: detail => events.waiting(detail),
    down: detail => events.unhealthy(detail),
    failing: detail => events.failing(detail),
  })
  return {
    async end() {
      health.stop()
      await Promise.all([probe.close(), close()])
    },
  }
}

function tellOf({ id, logger }: HttpReplicaPlan) {
  return (result: { taken: true } | { taken: false; reason: string }): void => {
    if (result.taken) logger.info({ instance: id }, 'the TLS files were renewed')
    else
      logger.error({ instance: id, reason: result.reason }, 'the TLS files cannot be used; the old ones stay, if any')
  }
}

function readyCheckOf({ ready, provider }: HttpReplicaPlan, hasPath: boolean): ReadyCheck {
  return provider === undefined || !hasPath ? ready : { ...ready, path: providerPath(ready.path) }
}

/** A server whose secret is not there is not asked: what it would say is known. */
async function askReady(probe: Probe, headers: AddedHeaders): Promise<ProbeResult> {
  if (headers.isEmpty) return probe.ask()
  const problem = await headers.refresh()
  if (problem !== null) return { ok: false, plain: false, detail: `header ${problem.name}: ${problem.detail}` }
  return probe.ask(fieldPairs(headers.lines))
}
