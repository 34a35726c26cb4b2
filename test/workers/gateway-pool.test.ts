/** Several gateways as one, with workers that do nothing of themselves. */
import { expect, it } from 'vitest'
import { flagApplied, noFlags, withoutHistory } from '../../src/core/flags/flags-state.ts'
import { limits } from '../../src/core/limits.ts'
import { noStats } from '../../src/gateway/merge-stats.ts'
import { noCounts } from '../../src/workers/counts.ts'
import type { Counts } from '../../src/workers/messages.ts'
import { ask, flag, flagsOf, word } from '../core/flags/support.ts'
import { endpoint, sole, split } from '../support/gateway-rig.ts'
import { isSettled, type Puppet, poolOf } from './puppets.ts'

const route = { spec: endpoint(), table: sole() }

function flagsTold(puppet: Puppet) {
  return puppet.told.flatMap(message =>
    message.kind === 'common' && message.change.flags !== undefined ? [message.change.flags] : [],
  )
}

it('tells every worker of a flag at once, and of what an evaluation needs alone', () => {
  const { pool, puppets } = poolOf(2)
  const flags = flagsOf([flag()])
  pool.applyFlags(flags)
  for (const puppet of puppets) expect(flagsTold(puppet)).toEqual([withoutHistory(flags)])
  expect(ask(withoutHistory(flags), 'ranker')).toEqual(ask(flags, 'ranker'))
})

it('tells of thousands of flags that change in one turn a bounded number of times, the last ones before a table that may name them', async () => {
  const { pool, at } = poolOf(1)
  const names = Array.from({ length: 1_000 }, (_, index) => `f${index}`)
  let flags = noFlags
  for (const name of names) {
    flags = flagApplied(flags, flag({ name }), word)
    pool.applyFlags(flags)
  }
  const told = flagsTold(at(0))
  expect(told.reduce((sum, one) => sum + Object.keys(one.flags).length, 0)).toBeLessThan(2 * limits.flagsToldPerTurn)
  expect(told.at(-1)).not.toEqual(withoutHistory(flags))
  void pool.apply(route)
  expect(at(0).told.at(-1)?.kind).toBe('ask')
  expect(flagsTold(at(0)).at(-1)).toEqual(withoutHistory(flags))
  const last = flagApplied(flags, flag({ name: 'last' }), word)
  pool.applyFlags(last)
  await new Promise(resolve => setImmediate(resolve))
  expect(flagsTold(at(0)).at(-1)).toEqual(withoutHistory(last))
})

function countsOf(count: number, inFlight: number): Counts {
  const gateway = {
    ...noStats,
    requests: [{ endpoint: 'digits', version: 'v1', statusClass: '2xx' as const, count }],
    inFlight: [{ endpoint: 'digits', count: inFlight }],
  }
  return { ...noCounts, gateway, recorder: { recorded: count, dropped: 0, queued: inFlight, featuresMalformed: 0 } }
}

it('a table is in force once every worker has it', async () => {
  const { pool, at } = poolOf(2)
  const applied = pool.apply(route)
  expect([at(0).asked('apply').length, at(1).asked('apply').length]).toEqual([1, 1])
  at(0).answer()
  expect(await isSettled(applied)).toBe(false)
  at(1).answer()
  expect(await isSettled(applied)).toBe(true)
})

it('a worker that ends holds no table up: the one in its place begins with it', async () => {
  const { pool, at, clock, puppets } = poolOf(2)
  const applied = pool.apply(route)
  at(0).answer()
  at(1).die()
  expect(await isSettled(applied)).toBe(true)
  clock.advance(limits.restartBackoffMinMs)
  expect(puppets).toHaveLength(3)
  expect(at(2).asked('apply')[0]?.ask).toMatchObject({ route })
})

it('a table that a worker cannot take is not in force', async () => {
  const { pool, at } = poolOf(2)
  const applied = pool.apply(route)
  at(0).answer()
  const [ask] = at(1).asked('apply')
  const error = { code: 'internal' as const, message: 'it does not fit' }
  at(1).say({ kind: 'done', id: ask?.id ?? 0, result: { ok: false, error } })
  await expect(applied).rejects.toThrow('it does not fit')
})

it('an older table than the one in force is given to nobody', async () => {
  const { pool, at } = poolOf(1)
  void pool.apply({ spec: route.spec, table: split({ v1: 500_000, v2: 500_000 }) })
  await pool.apply(route)
  expect(at(0).asked('apply')).toHaveLength(1)
})

it('the first worker takes the port, the others and those that come later listen on the same', async () => {
  const { pool, at, clock } = poolOf(2)
  const listening = pool.listen({ host: '127.0.0.1', port: 0 })
  await isSettled(listening)
  expect(at(1).asked('listen')).toEqual([])
  at(0).answer()
  await isSettled(listening)
  expect(at(1).asked('listen')[0]?.ask).toMatchObject({ address: { port: 4_711 } })
  at(1).answer()
  expect(await listening).toEqual({ host: '127.0.0.1', port: 4_711 })
  at(0).die()
  clock.advance(limits.restartBackoffMinMs)
  expect(at(2).asked('listen')[0]?.ask).toMatchObject({ address: { port: 4_711 } })
})

it('a port that a worker cannot have is refused with its reason', async () => {
  const { pool, at } = poolOf(1)
  const listening = pool.listen({ host: '127.0.0.1', port: 80 })
  await isSettled(listening)
  const id = at(0).asked('listen')[0]?.id ?? -1
  at(0).say({ kind: 'done', id, result: { ok: false, error: { code: 'port-in-use', message: 'port 80 is in use' } } })
  await expect(listening).rejects.toMatchObject({ code: 'port-in-use', message: 'port 80 is in use' })
})

it('counters are sums, and what an ended worker had counted stays in them once', async () => {
  const { pool, at, clock } = poolOf(2)
  void pool.apply(route)
  at(0).say({ kind: 'counts', counts: countsOf(10, 3) })
  at(1).say({ kind: 'counts', counts: countsOf(5, 1) })
  const read = () => ({ requests: pool.stats().requests[0]?.count, inFlight: pool.stats().inFlight[0]?.count })
  expect(read()).toEqual({ requests: 15, inFlight: 4 })
  at(0).die()
  at(0).die()
  expect(read()).toEqual({ requests: 15, inFlight: 1 })
  // What waited in it is lost.
  expect(pool.recorderStats()).toMatchObject({ recorded: 15, dropped: 3, queued: 1 })
  clock.advance(limits.restartBackoffMinMs)
  at(2).say({ kind: 'counts', counts: countsOf(2, 0) })
  expect(read()).toEqual({ requests: 17, inFlight: 1 })
})

it('an endpoint that is removed is counted no more, nor given to workers that come', async () => {
  const { pool, at, clock } = poolOf(1)
  void pool.apply(route)
  at(0).say({ kind: 'counts', counts: countsOf(10, 0) })
  at(0).die()
  pool.remove('digits')
  expect(pool.stats().requests).toEqual([])
  clock.advance(limits.restartBackoffMinMs)
  expect(at(1).asked('apply')).toEqual([])
})

it('values that all workers share are told when they change, and to those that come later at their start', () => {
  const { pool, at, clock } = poolOf(2)
  pool.tellAll({ isReady: true })
  expect(at(1).told).toContainEqual({ kind: 'common', change: { isReady: true } })
  at(1).die()
  clock.advance(limits.restartBackoffMinMs)
  expect(at(2).plan).toMatchObject({ share: { index: 1, of: 2 }, common: { isReady: true } })
})

it('what one worker learns of a conversation is told to the others', () => {
  const { at } = poolOf(3)
  const remembered = { endpoint: 'chat', id: 'resp_1', answered: { unit: 'u', version: 'v2' } }
  at(1).say({ kind: 'remembered', remembered: [remembered] })
  const heard = [0, 1, 2].map(index => at(index).told.some(({ kind }) => kind === 'remembered'))
  expect(heard).toEqual([true, false, true])
})

it('what was learnt of conversations is known to a worker that is started again', () => {
  const { at, clock } = poolOf(2)
  const learnt = ['r1', 'r2'].map(id => ({ endpoint: 'chat', id, answered: { unit: 'u', version: 'v2' } }))
  for (const remembered of learnt) at(1).say({ kind: 'remembered', remembered: [remembered] })
  at(1).die()
  clock.advance(limits.restartBackoffMinMs)
  expect([at(0).plan.remembered, at(2).plan.remembered]).toEqual([[], learnt])
})

it('a worker that is asked about a conversation hears what another learnt before, whichever word comes first', async () => {
  const { at } = poolOf(2)
  const answered = { unit: 'u', version: 'v2' }
  at(1).say({ kind: 'call', id: 3, call: { kind: 'recall', endpoint: 'chat', id: 'r1' } })
  at(1).say({ kind: 'call', id: 4, call: { kind: 'recall', endpoint: 'chat', id: 'r2' } })
  await new Promise(resolve => setImmediate(resolve))
  at(0).say({ kind: 'remembered', remembered: [{ endpoint: 'chat', id: 'r1', answered }] })
  for (let turn = 0; turn < 3; turn += 1) await isSettled(Promise.resolve())
  const replies = at(1).told.flatMap(message => (message.kind === 'replied' ? [[message.id, message.reply]] : []))
  expect(replies).toEqual([
    [3, { kind: 'recalled', answered }],
    [4, { kind: 'recalled', answered: null }],
  ])
})

it('a worker that ends again and again is started less and less often, but never given up', () => {
  const { at, clock, puppets, errors } = poolOf(1)
  const pauses: number[] = []
  for (let ends = 0; ends < 10; ends += 1) {
    at(puppets.length - 1).die()
    const count = puppets.length
    let pauseMs = 0
    for (; puppets.length === count; pauseMs += 50) clock.advance(50)
    pauses.push(pauseMs)
  }
  expect(pauses.slice(0, 4)).toEqual([250, 500, 1_000, 2_000])
  expect(Math.max(...pauses)).toBeLessThanOrEqual(limits.restartBackoffMaxMs)
  expect(errors).toHaveLength(10)
})

it('what workers record is answered to the one that asked, with its buffer', async () => {
  const packed = new ArrayBuffer(8)
  const { at } = poolOf(2, async call => ({ kind: 'appended', read: call.kind === 'append' ? call.packed : null }))
  at(1).say({ kind: 'call', id: 7, call: { kind: 'append', packed } })
  await isSettled(Promise.resolve())
  expect(at(1).told).toContainEqual({ kind: 'replied', id: 7, reply: { kind: 'appended', read: new ArrayBuffer(8) } })
  expect(at(0).told).toEqual([])
})

it('it is closed once all workers have handed over what they had, and no later than their time', async () => {
  const { pool, at, clock, puppets } = poolOf(2)
  const closed = pool.close({ drainMs: 1_000 })
  at(0).answer()
  expect(await isSettled(closed)).toBe(false)
  clock.advance(1_000 + limits.workerLastWordsMs)
  expect(await isSettled(closed)).toBe(true)
  expect(puppets.map(({ hasBeenEnded }) => hasBeenEnded)).toEqual([true, true])
  at(0).die()
  clock.advance(60_000)
  expect(puppets).toHaveLength(2)
})

it('a page of metrics waits for no worker that hangs', async () => {
  const { pool, at, clock } = poolOf(2)
  const reading = pool.read()
  at(0).answer()
  expect(await isSettled(reading)).toBe(false)
  clock.advance(limits.workerAnswerMs)
  expect(await reading).toMatchObject({ live: 2, restarts: 0 })
})

/** One look after the other; who talks does so between two of them. */
function look(clock: ReturnType<typeof poolOf>['clock'], times: number, talking: readonly Puppet[] = []): void {
  for (let nth = 0; nth < times; nth += 1) {
    for (const puppet of talking) puppet.say({ kind: 'counts', counts: noCounts })
    clock.advance(limits.workerLookMs)
  }
}

it('a worker that hangs is started again, and holds no table up', async () => {
  const { pool, at, clock, puppets, errors } = poolOf(2)
  look(clock, 1, [at(0), at(1)])
  const applied = pool.apply(route)
  at(0).answer()
  look(clock, limits.workerSilentLooksMax - 1, [at(0)])
  expect(await isSettled(applied)).toBe(false)
  look(clock, 1, [at(0)])
  expect(await isSettled(applied)).toBe(true)
  expect([at(0).hasBeenEnded, at(1).hasBeenEnded, errors.length]).toEqual([false, true, 1])
  clock.advance(limits.restartBackoffMinMs)
  expect(puppets).toHaveLength(3)
  // Its thread may end long afterwards, or never.
  at(1).die()
  look(clock, 5, [at(0)])
  expect(puppets).toHaveLength(3)
})

it('a worker that is slow to begin, or silent while nobody looks, hangs not', () => {
  const { at, clock, puppets } = poolOf(2)
  look(clock, 2 * limits.workerSilentLooksMax, [at(0)])
  for (let nth = 0; nth < 20; nth += 1) {
    at(1).say({ kind: 'counts', counts: noCounts })
    look(clock, limits.workerSilentLooksMax - 1, [at(0)])
  }
  expect(puppets).toHaveLength(2)
})

it('what workers that ended had counted of a version goes with the version, and the rest stays', async () => {
  const { pool, at } = poolOf(1)
  const byBucket = new Float64Array([1])
  const latencies = ['v1', 'v2'].map(version => ({ endpoint: 'digits', version, byBucket, sumMs: 1 }))
  const values = ['v1', 'v2'].map(version => ({ labels: { endpoint: 'digits', version }, value: 5 }))
  const tokens = [
    { name: 'tokens', help: '', type: 'counter', aggregator: 'sum', values },
  ] as unknown as Counts['tokens']
  at(0).say({ kind: 'counts', counts: { ...noCounts, latencies, tokens } })
  at(0).die()
  const { v2: _gone, ...versions } = route.spec.versions
  expect(Object.keys(versions)).toContain('v1')
  void pool.apply({ ...route, spec: { ...route.spec, versions } })
  const counts = await pool.read()
  expect(counts.latencies.map(({ version, sumMs }) => [version, sumMs])).toEqual([['v1', 1]])
  expect(counts.tokens.flatMap(metric => metric.values.map(({ labels }) => labels['version']))).toEqual(['v1'])
  pool.remove('digits')
  expect(await pool.read()).toMatchObject({ latencies: [], tokens: [{ values: [] }] })
})
