/** Gateway workers without threads: what they would be told is kept, and a test answers in their place. */
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { limits } from '../../src/core/limits.ts'
import { GatewayPool, type StartThread } from '../../src/workers/gateway-pool.ts'
import type { Asked, Call, FromWorker, Reply, ToWorker, WorkerPlan } from '../../src/workers/messages.ts'

type Ask = Extract<ToWorker, { kind: 'ask' }>

/** A worker that does nothing of itself. */
export class Puppet {
  readonly plan: WorkerPlan
  readonly told: ToWorker[] = []
  readonly say: (message: FromWorker) => void
  readonly die: (detail?: string) => void
  hasBeenEnded = false

  constructor(plan: WorkerPlan, events: { message(message: FromWorker): void; ended(detail: string): void }) {
    this.plan = plan
    this.say = events.message
    this.die = (detail = 'it was killed') => events.ended(detail)
  }

  asked(kind: Asked['kind']): Ask[] {
    return this.told.filter((message): message is Ask => message.kind === 'ask' && message.ask.kind === kind)
  }

  /** Answers all that it was asked so far. */
  answer(): void {
    for (const message of this.told.splice(0)) {
      if (message.kind !== 'ask') continue
      const { id, ask } = message
      const address = ask.kind === 'listen' ? { host: ask.address.host, port: ask.address.port || 4_711 } : undefined
      this.say({ kind: 'done', id, result: { ok: true, ...(address !== undefined && { address }) } })
    }
  }
}

/** Each in place of a thread, and in the list. */
export function startingIn(puppets: Puppet[]): StartThread {
  return (plan, events) => {
    const puppet = new Puppet(plan, events)
    puppets.push(puppet)
    return {
      post: (message, transfer) => void puppet.told.push(structuredClone(message, { transfer })),
      end: async () => {
        puppet.hasBeenEnded = true
      },
    }
  }
}

export function poolOf(
  workers: number,
  call: (call: Call) => Promise<Reply> = async () => ({ kind: 'receipts', receipts: [] }),
) {
  const clock = createManualClock()
  const puppets: Puppet[] = []
  const errors: string[] = []
  const warnings: string[] = []
  const pool = new GatewayPool({
    ...{ workers, version: '1', logLevel: 'silent', uptime: clock, call },
    listener: { auth: 'none', tls: null, cors: null, connectionsMax: limits.callerConnections },
    tracing: null,
    logger: { warn: (_, message) => void warnings.push(message), error: (_, message) => void errors.push(message) },
    probe: async () => {},
    start: startingIn(puppets),
  })
  const at = (index: number) => puppets[index] as Puppet
  return { pool, clock, puppets, at, errors, warnings }
}

/** Whether it has been settled once all that is ready has run. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = (): void => {
    settled = true
  }
  promise.then(settle, settle)
  await new Promise(resolve => setImmediate(resolve))
  return settled
}
