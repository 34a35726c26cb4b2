import type { ReadyCheck } from '../../../core/endpoint.ts'
import { limits } from '../../../core/limits.ts'
import type { UpstreamTls } from '../../../core/tls.ts'
import type { Clock } from '../../../ports/clock.ts'
import { undiciConnector } from '../../tls/undici-connector.ts'
import { tlsOptions } from '../../tls/upstream-tls.ts'
import type { Logger } from '../logger.ts'
import type { Replica, ReplicaEvents } from '../replica.ts'
import { Health } from './health.ts'
import { HttpInstance } from './http-instance.ts'
import { Probe } from './probe.ts'

export type HttpReplicaPlan = {
  id: string
  address: string
  ready: ReadyCheck
  clock: Clock
  /** Of an https address; left out where Node's own authorities are meant. */
  tls?: UpstreamTls | undefined
  logger: Logger
}

/** A server at an address that is ready when its ready path says so. It never ends by itself. */
export function startHttpReplica(
  plan: HttpReplicaPlan,
  events: Pick<ReplicaEvents, 'ready' | 'waiting' | 'unhealthy' | 'failing'>,
): Replica {
  const tls = plan.tls === undefined ? null : tlsOptions(plan.tls, { clock: plan.clock, tell: tellOf(plan) })
  const connect = tls === null ? undefined : undiciConnector(tls)
  const probe = new Probe(plan.address, plan.ready, limits.healthTimeoutMs, connect)
  const observer = { judged: (ok: boolean, detail: string) => health.note(ok, detail) }
  const instance = new HttpInstance(plan.id, plan.address, observer, tls === null ? {} : { tls: tls.current })
  const health = new Health({
    ask: () => probe.ask(),
    clock: plan.clock,
    up: () => events.ready(instance),
    waiting: detail => events.waiting(detail),
    down: detail => events.unhealthy(detail),
    failing: detail => events.failing(detail),
  })
  return {
    async end() {
      health.stop()
      tls?.close()
      await Promise.all([probe.close(), instance.close()])
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
