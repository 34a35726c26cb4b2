import type { ReadyCheck } from '../../../core/endpoint.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { Replica, ReplicaEvents } from '../replica.ts'
import { Health } from './health.ts'
import { HttpInstance } from './http-instance.ts'
import { Probe } from './probe.ts'

export type HttpReplicaPlan = { id: string; address: string; ready: ReadyCheck; clock: Clock }

/** A server at an address that is ready when its ready path says so. It never ends by itself. */
export function startHttpReplica(
  plan: HttpReplicaPlan,
  events: Pick<ReplicaEvents, 'ready' | 'waiting' | 'unhealthy' | 'failing'>,
): Replica {
  const probe = new Probe(plan.address, plan.ready)
  const instance = new HttpInstance(plan.id, plan.address, { judged: (ok, detail) => health.note(ok, detail) })
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
      await Promise.all([probe.close(), instance.close()])
    },
  }
}
