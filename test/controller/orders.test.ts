import { expect, it } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { createLedger } from '../../src/controller/ledger.ts'
import { createOrders } from '../../src/controller/orders.ts'
import { limits } from '../../src/core/limits.ts'
import { soleTable } from '../../src/core/traffic.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Route } from '../../src/ports/traffic-sink.ts'
import { endpointSpec, happen } from '../support/releases.ts'

/** Orders whose tables take effect when the test says so. */
function ordersOf(apply: (route: Route) => void | Promise<void>, clock: Clock = createManualClock()) {
  const log = createMemoryEventLog()
  const ledger = createLedger({ log, clock }, { folded() {}, recorded() {} })
  const complaints: string[] = []
  const unused = () => {
    throw new Error('not part of this')
  }
  const orders = createOrders(
    {
      clock,
      deployer: {
        ensure: unused,
        stop: unused,
        check: unused,
        status: () => [],
        close: unused,
        fleets: { pick: unused, readyCount: unused },
      },
      traffic: { apply, remove() {} },
      flags: { applyFlags() {} },
      gates: { ask: unused } as never,
      trials: { run: unused } as never,
      complain: what => void complaints.push(what),
    },
    ledger,
  )
  ledger.record(happen.applied(endpointSpec()))
  const spec = endpointSpec()
  const route = (epoch: number): Route => ({
    spec,
    table: soleTable({ endpoint: spec.name, version: spec.stable, epoch, salt: 's' }),
  })
  const give = (epoch: number) =>
    orders.carryOut({ id: String(epoch), command: { type: 'apply-route', ...route(epoch) } })
  const applied = () =>
    log
      .read({ afterSeq: -1, limit: 100 })
      .flatMap(({ event }) => (event.type === 'traffic-applied' ? [event.epoch] : []))
  return { orders, give, applied, complaints }
}

const settled = () => new Promise(resolve => setImmediate(resolve))

it('a table that is in force at once is confirmed at once', () => {
  const { give, applied } = ordersOf(() => {})
  give(1)
  expect(applied()).toEqual([1])
})

it('a table that is in force later is confirmed then, and one that was overtaken meanwhile not at all', async () => {
  const waiting: (() => void)[] = []
  const { give, applied } = ordersOf(() => new Promise(resolve => waiting.push(resolve)))
  give(1)
  give(2)
  await settled()
  expect(applied()).toEqual([])
  waiting[1]?.()
  await settled()
  expect(applied()).toEqual([2])
  waiting[0]?.()
  await settled()
  expect(applied()).toEqual([2])
})

it('what is confirmed once the server ends is left to the next one', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { give, applied, orders } = ordersOf(() => promise)
  give(1)
  orders.stop()
  resolve()
  await settled()
  expect(applied()).toEqual([])
})

it('a table that could not be applied is complained of and not confirmed', async () => {
  const { give, applied, complaints } = ordersOf(() => Promise.reject(new Error('no')))
  give(1)
  await settled()
  expect(applied()).toEqual([])
  expect(complaints).toEqual(['command 1: routing digits by epoch 1'])
})

it('what was not answered is asked for again though the clock was put back', () => {
  let nowMs = 10 * limits.insistMs
  const routed: number[] = []
  const clock: Clock = { nowMs: () => nowMs, every: () => () => {} }
  const { orders } = ordersOf(({ table }) => {
    routed.push(table.epoch)
    return new Promise(() => {})
  }, clock)
  orders.insist()
  expect(routed).toEqual([])
  nowMs = 5 * limits.insistMs
  orders.insist()
  expect(routed).toEqual([1])
  orders.insist()
  expect(routed).toEqual([1])
})
