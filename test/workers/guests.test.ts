/** Gateways of other servers beside a pool's own: by one table, and none by an older one than is in force. */
import { once } from 'node:events'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { expect, it } from 'vitest'
import type { Backend, EndpointSpec } from '../../src/core/endpoint.ts'
import { limits } from '../../src/core/limits.ts'
import type { GatewayPool } from '../../src/workers/gateway-pool.ts'
import type { GuestEnd } from '../../src/workers/guests.ts'
import type { ToWorker } from '../../src/workers/messages.ts'
import type { RemotePlan } from '../../src/workers/remote-messages.ts'
import type { WorkerLink } from '../../src/workers/worker-link.ts'
import { endpoint, sole, split } from '../support/gateway-rig.ts'
import { isSettled, poolOf } from './puppets.ts'

const url = (address: string): Backend => ({
  kind: 'url',
  addresses: [address],
  ready: { path: '/ready', timeoutMs: 1_000, unknownIsReady: false },
})
const onnx: Backend = { kind: 'onnx', path: '/model.onnx' }

/** Of one version; `v2` besides where it is given. */
function spec(backend: Backend, v2?: Backend): EndpointSpec {
  const versions = { v1: backend, ...(v2 !== undefined && { v2 }) }
  return endpoint({
    versions: Object.fromEntries(
      Object.entries(versions).map(([name, one]) => [name, { name, backend: one, instances: 1 }]),
    ),
  })
}
const far = spec(url('http://10.0.0.5'))

/** A gateway of another server that does nothing of itself. */
class Guest {
  readonly told: ToWorker[] = []
  readonly steps: string[] = []
  plan: RemotePlan | null = null
  link: WorkerLink | null = null
  end: (end: GuestEnd) => void = () => {}

  knock(pool: GatewayPool, { isNear = false } = {}): string | null {
    return pool.admit({
      name: 'the other one',
      isNear,
      begin: (plan, link, ended) => {
        this.plan = plan
        this.link = link
        this.end = ended
        return {
          post: message => {
            this.told.push(message)
            this.steps.push(message.kind === 'ask' ? message.ask.kind : message.kind)
          },
          open: () => void this.steps.push('open'),
          leave: () => void this.steps.push('leave'),
          end: async () => void this.steps.push('end'),
        }
      },
    })
  }

  /** Answers all that it was asked so far. */
  answer(): void {
    for (const message of this.told.splice(0))
      if (message.kind === 'ask') this.link?.hear({ kind: 'done', id: message.id, result: { ok: true } })
  }
}

function readyPool(specOfAll = far) {
  const rig = poolOf(1)
  void rig.pool.apply({ spec: specOfAll, table: sole() })
  rig.pool.tellAll({ isReady: true })
  rig.at(0).answer()
  return { ...rig, guest: new Guest() }
}

const next = { spec: far, table: split({ v1: 500_000, v2: 500_000 }) }

it('one is told all that callers are answered by before it may answer any', () => {
  const { pool, guest } = readyPool()
  expect(guest.knock(pool)).toBe(null)
  expect(guest.plan).toMatchObject({ share: { index: 1, of: 2 }, common: { isReady: true } })
  expect(guest.steps).toEqual(['share', 'apply', 'open'])
})

it.each([
  [
    'models in the server that decides',
    onnx,
    false,
    /versions of digits can be called by the server that decides alone/,
  ],
  ['an address of another machine', url('http://10.0.0.5'), false, null],
  ['a loopback address, from another machine', url('http://localhost:9'), false, /digits/],
  ['a loopback address, from the same machine', url('http://127.0.0.1:9'), true, null],
])('one is let in where it can call all versions: %s', (_, backend, isNear, why) => {
  const { pool, guest } = readyPool(spec(backend))
  const told = guest.knock(pool, { isNear })
  if (why === null) expect(told).toBe(null)
  else expect(told).toMatch(why)
})

it('none is let in before the server that decides serves itself, nor once it ends', () => {
  const { pool } = poolOf(1)
  expect(new Guest().knock(pool)).toBe('it is not serving')
  pool.tellAll({ isReady: true })
  void pool.close({ drainMs: 0 })
  expect(new Guest().knock(pool)).toBe('it is not serving')
})

it('a table is in force once those of other servers have it too', async () => {
  const { pool, at, guest } = readyPool()
  guest.knock(pool)
  const applied = pool.apply(next)
  at(0).answer()
  expect(await isSettled(applied)).toBe(false)
  guest.answer()
  expect(await isSettled(applied)).toBe(true)
})

it('one that is lost may go on by what it has: until it certainly does not, no later table is in force', async () => {
  const { pool, at, guest, clock } = readyPool()
  guest.knock(pool)
  const before = pool.apply(next)
  guest.end({ detail: 'its connection is lost', isSure: false })
  const behind = pool.apply({ ...next, table: { ...next.table, epoch: next.table.epoch + 1 } })
  at(0).answer()
  clock.advance(limits.peerGoneMs - 1)
  expect([await isSettled(before), await isSettled(behind)]).toEqual([false, false])
  clock.advance(1)
  expect([await isSettled(before), await isSettled(behind)]).toEqual([true, true])
})

it('one that gets no answers of an instance is named in the log now and then, and counted until it does', async () => {
  const { pool, guest, clock, warnings } = readyPool()
  const instance = { id: 'digits/v1/0', reach: () => ({ kind: 'server', plan: {} }), heard() {} } as never
  pool.fleets.changed({ endpoint: 'digits', version: 'v1' }, [instance])
  guest.knock(pool)
  const hear = (failures: number) =>
    guest.link?.hear({ kind: 'fleets', told: { kind: 'heard', key: 1, failures, detail: 'ECONNREFUSED' } })
  const failing = async () => {
    const read = pool.read()
    await isSettled(read)
    clock.advance(limits.workerAnswerMs)
    return (await read).failing
  }
  hear(5)
  hear(5)
  expect(warnings).toEqual([expect.stringContaining('answers no calls of another server')])
  expect(await failing()).toEqual([{ server: 'the other one', endpoint: 'digits', version: 'v1', count: 1 }])
  clock.advance(limits.peerFailingAgainMs)
  hear(5)
  expect(warnings).toHaveLength(2)
  hear(0)
  expect(await failing()).toEqual([])
})

it('one that says that it has ended holds nothing up', async () => {
  const { pool, at, guest } = readyPool()
  guest.knock(pool)
  const applied = pool.apply(next)
  at(0).answer()
  guest.end({ detail: 'it was told to end', isSure: true })
  expect(await isSettled(applied)).toBe(true)
})

it('a version that it cannot call asks it to leave; the table is in force once it has, and it never sees it', async () => {
  const { pool, at, guest } = readyPool()
  guest.knock(pool)
  guest.steps.length = 0
  const applied = pool.apply({ ...next, spec: spec(url('http://10.0.0.5'), onnx) })
  at(0).answer()
  expect(guest.steps).toEqual(['leave'])
  expect(await isSettled(applied)).toBe(false)
  guest.end({ detail: 'it has left', isSure: true })
  expect(await isSettled(applied)).toBe(true)
  expect(new Guest().knock(pool)).toMatch(/digits/)
})

it('one that is leaving is told nothing of versions that it cannot call, whoever comes or goes meanwhile', async () => {
  const { pool, at, guest } = readyPool()
  const other = new Guest()
  for (const one of [guest, other]) one.knock(pool)
  void pool.apply({ ...next, spec: spec(url('http://10.0.0.5'), onnx) })
  at(0).answer()
  other.steps.length = 0
  guest.end({ detail: 'it has left', isSure: true })
  expect(other.steps).toEqual(['share'])
})

it('tables of a server before this one may be answered by for a while', async () => {
  const { pool, at, clock } = readyPool()
  pool.expectStrays()
  expect(pool.hasGuests).toBe(true)
  const applied = pool.apply(next)
  at(0).answer()
  clock.advance(limits.peerGoneMs - 1)
  expect(await isSettled(applied)).toBe(false)
  clock.advance(1)
  expect([await isSettled(applied), pool.hasGuests]).toEqual([true, false])
})

it('what is bounded for all is shared out over them too, and anew when one has gone', () => {
  const { pool, at, guest } = readyPool()
  const shares = () => at(0).told.flatMap(message => (message.kind === 'share' ? [message.share] : []))
  guest.knock(pool)
  expect(shares()).toEqual([{ index: 0, of: 2 }])
  expect(at(0).asked('apply')).toHaveLength(1)
  guest.end({ detail: 'gone', isSure: true })
  expect(shares().at(-1)).toEqual({ index: 0, of: 1 })
})

it('an instance that leaves is idle once those of other servers say so, or are certainly gone', async () => {
  const { pool, at, clock } = readyPool()
  const plan = { id: 'i', address: 'http://10.0.0.5' }
  const shown = { reach: () => ({ kind: 'server' as const, plan }), heard() {} } as never
  pool.fleets.changed({ endpoint: 'digits', version: 'v1' }, [shown])
  const [one, lost] = [new Guest(), new Guest()]
  one.knock(pool)
  lost.knock(pool)
  lost.end({ detail: 'lost', isSure: false })
  const idle = pool.fleets.idle(shown)
  const told = { kind: 'fleets', told: { kind: 'idle', key: 1 } } as const
  at(0).say(told)
  one.link?.hear(told)
  clock.advance(limits.peerGoneMs - 1)
  expect(await isSettled(idle)).toBe(false)
  clock.advance(1)
  expect(await isSettled(idle)).toBe(true)
})

it('what one had counted stays when it goes', () => {
  const { pool, guest } = readyPool()
  guest.knock(pool)
  const { counts } = guest.link as WorkerLink
  const requests = [{ endpoint: 'digits', version: 'v1', statusClass: '2xx' as const, count: 7 }]
  guest.link?.hear({ kind: 'counts', counts: { ...counts, gateway: { ...counts.gateway, requests } } })
  guest.end({ detail: 'gone', isSure: true })
  expect(pool.stats().requests).toMatchObject([{ count: 7 }])
})

it.each([
  ['is lost, of which nothing is known', false, 0],
  ['has ended, so that nobody hands it over', true, 3],
])('what waited in one that %s, counts as dropped: %s', (_, isSure, dropped) => {
  const { pool, guest } = readyPool()
  guest.knock(pool)
  const { counts } = guest.link as WorkerLink
  guest.link?.hear({ kind: 'counts', counts: { ...counts, recorder: { ...counts.recorder, recorded: 4, queued: 3 } } })
  guest.end({ detail: 'gone', isSure })
  expect(pool.recorderStats()).toMatchObject({ recorded: 4, queued: 0, dropped })
})

it('a port into a model that is shown to nobody is closed', async () => {
  const { pool } = readyPool()
  pool.expectStrays()
  const ends: MessagePort[] = []
  const reach = () => {
    const { port1, port2 } = new MessageChannel()
    ends.push(port2)
    return { kind: 'model' as const, id: 'm', port: port1, batch: null, metadata: null }
  }
  pool.fleets.changed({ endpoint: 'digits', version: 'v1' }, [{ reach, heard() {} } as never])
  const [ofWorker, ofStray] = ends
  await once(ofStray as MessagePort, 'close')
  ofWorker?.close()
})
