import type { Provider, ReadyCheck } from '../../../core/endpoint.ts'
import { fieldPairs } from '../../../core/http/field-lines.ts'
import { limits } from '../../../core/limits.ts'
import type { UpstreamTls } from '../../../core/tls.ts'
import type { Clock } from '../../../ports/clock.ts'
import { undiciConnector } from '../../tls/undici-connector.ts'
import { tlsOptions } from '../../tls/upstream-tls.ts'
import type { Logger } from '../logger.ts'
import type { Replica, ReplicaEvents } from '../replica.ts'
import { type AddedHeaderSpecs, AddedHeaders } from './added-headers.ts'
import { Health } from './health.ts'
import { HttpInstance } from './http-instance.ts'
import { Probe, type ProbeResult } from './probe.ts'
import { providerPath } from './provider-path.ts'
import { TailoredInstance } from './tailored-instance.ts'

export type HttpReplicaPlan = {
  id: string
  address: string
  ready: ReadyCheck
  clock: Clock
  /** Of an https address; left out where Node's own authorities are meant. */
  tls?: UpstreamTls | undefined
  logger: Logger
  headers?: AddedHeaderSpecs | undefined
  provider?: Provider | undefined
  /** Requests that may be under way on one connection; 1 where it is left out. */
  pipelining?: number | undefined
}

/** A server at an address that is ready when its ready path says so. It never ends by itself. */
export function startHttpReplica(
  plan: HttpReplicaPlan,
  events: Pick<ReplicaEvents, 'ready' | 'waiting' | 'unhealthy' | 'failing'>,
): Replica {
  const tls = plan.tls === undefined ? null : tlsOptions(plan.tls, { clock: plan.clock, tell: tellOf(plan) })
  const connect = tls === null ? undefined : undiciConnector(tls)
  const headers = new AddedHeaders(plan.headers ?? {})
  const hasPath = new URL(plan.address).pathname !== '/'
  const probe = new Probe(plan.address, readyCheckOf(plan, hasPath), limits.healthTimeoutMs, connect)
  const observer = { judged: (ok: boolean, detail: string) => health.note(ok, detail) }
  const http = new HttpInstance(plan.id, plan.address, observer, {
    ...(tls !== null && { tls: tls.current }),
    ...(plan.pipelining !== undefined && { pipelining: plan.pipelining }),
  })
  const { provider = null } = plan
  const isPlain = provider === null && headers.isEmpty
  const instance = isPlain ? http : new TailoredInstance(http, { headers, provider, hasPath })
  const health = new Health({
    ask: () => askReady(probe, headers),
    clock: plan.clock,
    ...(provider !== null && plan.address.startsWith('https:') && { intervalMs: limits.providerHealthIntervalMs }),
    up: () => events.ready(instance),
    waiting: detail => events.waiting(detail),
    down: detail => events.unhealthy(detail),
    failing: detail => events.failing(detail),
  })
  return {
    async end() {
      health.stop()
      tls?.close()
      await Promise.all([probe.close(), http.close()])
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
