/** Gateways of a server that stands by, and the server that decides, with channels and threads that do nothing of themselves. */
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ServerPlan } from '../../src/adapters/deployer/http/open-server.ts'
import { PeerChannel, type PeerEvents } from '../../src/adapters/peers/peer-channel.ts'
import { noFlags } from '../../src/core/flags/flags-state.ts'
import { limits } from '../../src/core/limits.ts'
import type { Visitor } from '../../src/workers/guests.ts'
import type { Call, Reply } from '../../src/workers/messages.ts'
import { type RemoteChannel, welcomeRemote } from '../../src/workers/remote-door.ts'
import { RemoteGateways } from '../../src/workers/remote-gateways.ts'
import type { LeaderChannel } from '../../src/workers/remote-leader.ts'
import type { FromRemote, ToRemote } from '../../src/workers/remote-messages.ts'
import { endpoint, sole } from '../support/gateway-rig.ts'
import { isSettled, type Puppet, poolOf, startingIn } from './puppets.ts'

/** Both ends of a connection. What is said is heard in the same turn, as structured clone makes it. */
function connection() {
  const ends: { hear: PeerEvents<unknown> | null; isOpen: boolean }[] = [
    { hear: null, isOpen: true },
    { hear: null, isOpen: true },
  ]
  /** By the one that stands by. */
  const said: string[] = []
  const close = (detail: string): void => {
    for (const end of ends) {
      if (!end.isOpen) continue
      end.isOpen = false
      end.hear?.closed(detail)
    }
  }
  const of = (own: number) => ({
    open: (events: PeerEvents<never>) => {
      ;(ends[own] as (typeof ends)[0]).hear = events as PeerEvents<unknown>
    },
    say: (message: unknown) => {
      const other = ends[1 - own] as (typeof ends)[0]
      const copy = structuredClone(message)
      if (own === 1) said.push((copy as FromRemote).kind)
      queueMicrotask(() => {
        if (other.isOpen) other.hear?.hear(copy)
      })
    },
    end: () => queueMicrotask(() => close('it was ended')),
    cut: () => close('it was cut'),
  })
  const isOpen = () => ends[0]?.isOpen === true
  return {
    leader: of(0) as RemoteChannel,
    standby: of(1) as LeaderChannel,
    isOpen,
    said,
    lose: () => close('it broke'),
  }
}

const spec = endpoint()
const packed = () => new Uint8Array([1, 2, 3]).buffer

/** A server that decides, with one worker of its own, and one that stands by. */
function rig({ version = '1' } = {}) {
  const calls: Call[] = []
  let answer: (call: Call) => Promise<Reply> = async call =>
    call.kind === 'append' ? { kind: 'appended', read: null } : { kind: 'receipts', receipts: [] }
  const { pool, clock, at } = poolOf(1, call => {
    calls.push(call)
    return answer(call)
  })
  const said: string[] = []
  const logger = {
    info: (_: object, message: string) => void said.push(message),
    warn: (_: object, message: string) => void said.push(message),
  }
  const lines: ReturnType<typeof connection>[] = []
  let isThere = true
  let leads = version
  let decider = pool
  const places: string[] = []
  const reach = async (place: string): Promise<LeaderChannel> => {
    places.push(place)
    if (!isThere) throw new Error('nobody is there')
    const line = connection()
    lines.push(line)
    welcomeRemote(line.leader, {
      ...{ version: leads, format: 1, isNear: true, uptime: clock, logger },
      admit: one => decider.admit(one),
      call: call => decider.call(call),
      succeededBy: () => {},
    })
    return line.standby
  }
  const threads: Puppet[] = []
  const relay: string[] = []
  const gateways = new RemoteGateways<string>({
    ...{ workers: 1, uptime: clock, logger, reach },
    address: { host: '127.0.0.1', port: 4_711 },
    local: {
      ...{ version: '1', logLevel: 'silent', tracing: null, isGuest: true },
      listener: { auth: 'none', tls: null, cors: null, connectionsMax: 10 },
    },
    leader: { uptime: clock, version: '1', format: 1, name: 'the other one' },
    lacks: ({ headers }) => (headers === undefined ? null : 'a secret is not there'),
    relay: { listen: async () => void relay.push('listens'), stopListening: () => void relay.push('stops') },
    start: startingIn(threads),
  })
  gateways.sees({ place: 'there', version }, 1)
  return {
    ...{ pool, clock, at, calls, said, lines, places, threads, relay, gateways },
    leaderIs: (there: boolean, next = version) => {
      isThere = there
      leads = next
      if (next !== version) gateways.sees({ place: 'there', version: next }, 2)
    },
    decidedBy: (next: { pool: typeof pool }) => {
      isThere = true
      decider = next.pool
      gateways.sees({ place: 'there', version }, 2)
    },
    answers: (how: typeof answer) => {
      answer = how
    },
  }
}

type Rig = ReturnType<typeof rig>

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await isSettled(Promise.resolve())
}

/** Steps short enough for a word to be sent and heard in each. */
async function pass({ clock }: Pick<Rig, 'clock'>, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += limits.peerLookMs) {
    clock.advance(Math.min(limits.peerLookMs, ms - passed))
    await turns()
  }
}

async function serving(rig: Rig): Promise<Puppet> {
  void rig.pool.apply({ spec, table: sole() })
  rig.pool.tellAll({ isReady: true })
  rig.at(0).answer()
  await pass(rig, limits.peerLookMs)
  const thread = rig.threads.at(-1) as Puppet
  thread.answer()
  await turns()
  return thread
}

const append = (thread: Puppet, id = 1) => thread.say({ kind: 'call', id, call: { kind: 'append', packed: packed() } })
const replies = (thread: Puppet) => thread.told.flatMap(message => (message.kind === 'replied' ? [message.reply] : []))

/** A server that is called with what the one that stands by has not. */
const lackedPlan: ServerPlan = {
  ...{ id: 'i', address: 'http://10.0.0.5' },
  headers: { authorization: { from: 'env', name: 'KEY', prefix: '' } },
}

const answered = { unit: 'u', version: 'v2' }
const conversation = (id: string) => ({ endpoint: 'chat', id, answered })

function show({ pool }: Pick<Rig, 'pool'>, version: string, plan: ServerPlan): void {
  const shown = { reach: () => ({ kind: 'server', plan }), heard() {} } as never
  pool.fleets.changed({ endpoint: spec.name, version }, [shown])
}

describe('a server that stands by', () => {
  let server: Rig
  beforeEach(() => {
    server = rig()
  })

  it('answers callers by the table of the one that decides, and hands none on once it listens', async () => {
    void server.pool.apply({ spec, table: sole() })
    server.pool.tellAll({ isReady: true, flags: noFlags })
    await pass(server, limits.peerLookMs)
    const [thread] = server.threads
    expect(thread?.plan).toMatchObject({ share: { index: 0, of: 1 }, common: { isReady: true } })
    expect(thread?.told.map(message => (message.kind === 'ask' ? message.ask.kind : message.kind))).toEqual([
      ...['share', 'share', 'apply', 'listen'],
    ])
    expect([server.relay, server.gateways.isServing]).toEqual([[], false])
    thread?.answer()
    await turns()
    expect([server.relay, server.gateways.isServing]).toEqual([['stops'], true])
  })

  it('has what it recorded kept by the one that decides, and gets its buffer back', async () => {
    const thread = await serving(server)
    append(thread)
    await turns()
    expect(server.calls).toEqual([{ kind: 'append', packed: packed() }])
    expect(replies(thread)).toEqual([{ kind: 'appended', read: packed() }])
  })

  it('goes on when that one is gone, until nobody may be answered by a table so old; then connections are held', async () => {
    const thread = await serving(server)
    server.leaderIs(false)
    server.lines[0]?.lose()
    await pass(server, limits.peerSilentMs)
    expect([server.gateways.isServing, server.relay]).toEqual([true, ['stops']])
    await pass(server, limits.peerLookMs)
    expect([server.gateways.isServing, server.relay]).toEqual([false, ['stops', 'listens']])
    const drainMs = thread.asked('close').map(({ ask }) => (ask.kind === 'close' ? ask.drainMs : 0))[0]
    expect(drainMs).toBeGreaterThan(0)
    expect(drainMs).toBeLessThanOrEqual(limits.peerDrainMs)
  })

  it('that notices late that its table is too old lets nobody finish whom the one that decides now does not wait for', async () => {
    const thread = await serving(server)
    server.leaderIs(false)
    server.lines[0]?.lose()
    // It stood still meanwhile.
    server.clock.advance(limits.peerSilentMs + 2 * limits.peerDrainMs)
    await turns()
    expect(thread.asked('close')[0]?.ask).toMatchObject({ drainMs: 0 })
  })

  it('follows another one that decides while the one before still answers, and that one keeps what it recorded', async () => {
    const thread = await serving(server)
    server.answers(() => new Promise(() => {}))
    append(thread)
    await turns()
    server.answers(async () => ({ kind: 'appended', read: null }))
    server.gateways.sees(null, 2)
    expect(server.lines[0]?.isOpen()).toBe(false)
    await pass(server, 2 * limits.peerLookMs)
    expect([server.gateways.isServing, server.lines.length]).toEqual([true, 1])
    server.gateways.sees({ place: 'elsewhere', version: '1' }, 2)
    await pass(server, limits.peerLookMs)
    server.threads[1]?.answer()
    await turns()
    expect([server.gateways.isServing, server.places]).toEqual([true, ['there', 'elsewhere']])
    expect(server.calls).toMatchObject([{ kind: 'append' }, { kind: 'append', again: true }])
    expect([replies(thread).length, thread.asked('close').length]).toEqual([1, 1])
  })

  it('counts on no word of the one before once it decides itself', async () => {
    await serving(server)
    server.gateways.stay()
    await pass(server, limits.peerSilentMs)
    expect(server.gateways.isServing).toBe(true)
    await pass(server, limits.peerLookMs)
    expect([server.gateways.isServing, server.lines.length]).toEqual([false, 1])
  })

  it('asked to leave before it listens hands callers on without a moment between', async () => {
    void server.pool.apply({ spec, table: sole() })
    server.pool.tellAll({ isReady: true })
    await pass(server, limits.peerLookMs)
    const onnx = { name: 'v2', backend: { kind: 'onnx' as const, path: '/m' }, instances: 1 }
    void server.pool.apply({ spec: { ...spec, versions: { ...spec.versions, v2: onnx } }, table: sole('v1', 2) })
    server.threads[0]?.answer()
    await turns()
    expect([server.relay, server.gateways.isServing]).toEqual([[], false])
  })

  it('counts the age of its table from the last word that was answered, not from when the connection broke', async () => {
    await serving(server)
    server.leaderIs(false)
    // Words get lost from here on, and the connection seems to stand.
    for (const line of server.lines) line.leader.open({ hear: () => {}, closed: () => {} })
    await pass(server, limits.peerSilentMs - limits.peerPingMs)
    expect(server.gateways.isServing).toBe(true)
    await pass(server, 2 * limits.peerPingMs)
    expect(server.gateways.isServing).toBe(false)
  })

  it('keeps what it recorded meanwhile for whoever decides next, and that one has it once', async () => {
    const thread = await serving(server)
    server.answers(() => new Promise(() => {}))
    append(thread, 1)
    await turns()
    server.leaderIs(false)
    server.lines[0]?.lose()
    append(thread, 2)
    await turns()
    expect([server.calls.length, replies(thread)]).toEqual([1, []])

    server.answers(async () => ({ kind: 'appended', read: null }))
    server.leaderIs(true)
    await pass(server, limits.peerLookMs)
    server.threads[1]?.answer()
    await turns()
    // Whether the first was kept could not be told: it is handed over again.
    expect(server.calls).toHaveLength(3)
    expect(replies(thread)).toHaveLength(2)
    expect([thread.asked('close').length, server.gateways.isServing]).toEqual([1, true])
  })

  it('hands what it recorded to one of another version too, under which it may not serve', async () => {
    const thread = await serving(server)
    server.leaderIs(false)
    server.lines[0]?.lose()
    append(thread)
    await turns()
    server.leaderIs(true, '2')
    await pass(server, limits.peerLookMs)
    expect([server.calls.length, replies(thread).length, server.threads.length]).toEqual([1, 1, 1])
    // Of conversations it may mean something else.
    thread.say({ kind: 'remembered', remembered: [conversation('alone')] })
    await turns()
    expect(server.lines[1]?.said).not.toContain('said')
    // It goes on by its table until that is too old, and what comes of that is taken too.
    append(thread, 2)
    await turns()
    expect([server.calls.length, server.gateways.isServing]).toEqual([2, true])
    await pass(server, limits.peerSilentMs + limits.peerLookMs)
    thread.answer()
    await pass(server, 2 * limits.peerLookMs)
    expect([server.gateways.isServing, server.relay, thread.hasBeenEnded]).toEqual([false, ['stops', 'listens'], true])
    expect(server.lines).toHaveLength(2)
  })

  it('says at once to who sends feedback that nobody can keep it, and knows of no conversations elsewhere', async () => {
    const thread = await serving(server)
    server.leaderIs(false)
    server.lines[0]?.lose()
    thread.say({ kind: 'call', id: 1, call: { kind: 'feedback', outcomes: [] } })
    thread.say({ kind: 'call', id: 2, call: { kind: 'recall', endpoint: 'chat', id: 'r' } })
    await turns()
    expect(replies(thread)).toEqual([
      { kind: 'failed', error: { code: 'store-failed', message: expect.stringContaining('Send it again') } },
      { kind: 'recalled', answered: null },
    ])
  })

  it('keeps what is known of conversations over the end of the one that decided, for the next one and for all here', async () => {
    const thread = await serving(server)
    const [told, own, alone] = [conversation('told'), conversation('own'), conversation('alone')]
    server.at(0).say({ kind: 'remembered', remembered: [told] })
    await turns()
    thread.say({ kind: 'remembered', remembered: [own] })
    await turns()
    server.leaderIs(false)
    server.lines[0]?.lose()
    thread.say({ kind: 'remembered', remembered: [alone] })
    const next = rig()
    next.pool.tellAll({ isReady: true })
    server.decidedBy(next)
    await pass(server, limits.peerLookMs)
    expect(server.threads[1]?.plan.remembered).toEqual([told, own, alone])
    const recalled = ['told', 'own', 'alone'].map(id => next.pool.call({ kind: 'recall', endpoint: 'chat', id }))
    expect(await Promise.all(recalled)).toEqual(recalled.map(() => ({ kind: 'recalled', answered })))
    // What it goes on with meanwhile is known to the ones that follow it.
    server.threads[1]?.answer()
    const late = conversation('late')
    thread.say({ kind: 'remembered', remembered: [late] })
    await turns()
    expect(server.threads[1]?.told).toContainEqual({ kind: 'remembered', remembered: [late] })
    expect(await next.pool.call({ kind: 'recall', endpoint: 'chat', id: 'late' })).toMatchObject({ answered })
  })

  it('that is about to decide hands down what is known of conversations, and what becomes known until it does', async () => {
    const thread = await serving(server)
    const [before, after] = [conversation('before'), conversation('after')]
    thread.say({ kind: 'remembered', remembered: [before] })
    server.gateways.stay()
    const heard: unknown[] = []
    server.gateways.bequeath(remembered => void heard.push(...remembered))
    thread.say({ kind: 'remembered', remembered: [after] })
    expect(heard).toEqual([before, after])
  })

  it('hands callers on where that one has versions of its own, and asks again', async () => {
    server.pool.tellAll({ isReady: true })
    const onnx = { name: 'v1', backend: { kind: 'onnx' as const, path: '/m' }, instances: 1 }
    void server.pool.apply({ spec: { ...spec, versions: { v1: onnx } }, table: sole() })
    await pass(server, limits.peerLookMs)
    expect([server.threads, server.said.length]).toEqual([[], 1])
    server.pool.remove(spec.name)
    await pass(server, limits.peerAgainMs - 2 * limits.peerLookMs)
    expect(server.threads).toEqual([])
    await pass(server, 3 * limits.peerLookMs)
    server.threads[0]?.answer()
    await turns()
    expect(server.gateways.isServing).toBe(true)
  })

  it('leaves when such a version comes: connections are handed on before it stops, and the table waits for its end', async () => {
    const thread = await serving(server)
    const onnx = { name: 'v2', backend: { kind: 'onnx' as const, path: '/m' }, instances: 1 }
    const applied = server.pool.apply({
      spec: { ...spec, versions: { ...spec.versions, v2: onnx } },
      table: sole('v1', 2),
    })
    server.at(0).answer()
    await turns()
    expect(server.relay).toEqual(['stops', 'listens'])
    expect(await isSettled(applied)).toBe(false)
    expect(thread.told.some(message => message.kind === 'ask' && message.ask.kind === 'apply')).toBe(false)
    thread.answer()
    await turns()
    expect([thread.hasBeenEnded, await isSettled(applied)]).toEqual([true, true])
  })

  it.each([
    ['at once where it has not begun', false],
    ['before any table with it where it serves', true],
  ])('that lacks a secret of a version leaves it to others, %s', async (_, servesBefore) => {
    if (!servesBefore) show(server, 'v2', lackedPlan)
    const thread = await serving(server)
    if (servesBefore) show(server, 'v2', lackedPlan)
    const applied = server.pool.apply({ spec, table: sole('v1', 2) })
    server.at(0).answer()
    await turns()
    expect(thread.told.some(({ kind }) => kind === 'fleets')).toBe(false)
    expect([thread.asked('apply').length, thread.asked('listen').length]).toEqual([0, 0])
    expect(await isSettled(applied)).toBe(!servesBefore)
    thread.answer()
    await turns()
    expect([thread.hasBeenEnded, await isSettled(applied)]).toEqual([true, true])
    expect(server.relay).toEqual(servesBefore ? ['stops', 'listens'] : [])
    await pass(server, limits.peerUnfitAgainMs - 2 * limits.peerLookMs)
    expect(server.lines).toHaveLength(1)
    expect(server.gateways.isFit).toBe(false)
    show(server, 'v2', { id: 'i', address: 'http://10.0.0.5' })
    await pass(server, 3 * limits.peerLookMs)
    expect(server.lines).toHaveLength(2)
    server.threads[1]?.answer()
    await turns()
    expect(server.gateways.isFit).toBe(true)
  })

  it('that lacks a secret under the next server serves nobody under it, and hands it all that was recorded before', async () => {
    const thread = await serving(server)
    server.leaderIs(false)
    server.lines[0]?.lose()
    append(thread, 1)
    show(server, 'v2', lackedPlan)
    server.leaderIs(true)
    await pass(server, limits.peerAgainMs)
    expect([server.calls.length, server.gateways.isServing, server.gateways.isFit]).toEqual([1, true, false])
    // Nothing waits for it there but the one whose table grows old.
    const applied = server.pool.apply({ spec, table: sole('v1', 2) })
    server.at(0).answer()
    await pass(server, limits.peerSilentMs)
    append(thread, 2)
    await turns()
    expect([server.calls.length, replies(thread).length, await isSettled(applied)]).toEqual([2, 2, false])
    thread.answer()
    await pass(server, limits.peerGoneMs - limits.peerSilentMs)
    expect([thread.hasBeenEnded, server.gateways.isServing, await isSettled(applied)]).toEqual([true, false, true])
    expect(server.lines.map(({ isOpen }) => isOpen())).toEqual([false, false])
  })

  it('says once why it hands callers on where it cannot reach the one that decides', async () => {
    server.leaderIs(false)
    await pass(server, 10 * limits.peerLookMs)
    expect([server.places.length, server.said]).toEqual([10, [expect.stringContaining('hands callers on')]])
  })

  it('does not speak to a server of another version', async () => {
    const other = rig({ version: '2' })
    other.pool.tellAll({ isReady: true })
    await pass(other, 10 * limits.peerLookMs)
    expect([other.lines, other.threads, other.said]).toEqual([[], [], [expect.stringContaining('hands callers on')]])
  })

  it('whose gateway dies says so, so that nothing waits for it, and begins another one', async () => {
    const thread = await serving(server)
    const applied = server.pool.apply({ spec, table: sole('v1', 2) })
    server.at(0).answer()
    thread.die()
    await turns()
    expect([await isSettled(applied), server.relay]).toEqual([true, ['stops', 'listens']])
    await pass(server, limits.peerAgainMs + limits.peerLookMs)
    server.threads[1]?.answer()
    await turns()
    expect([server.gateways.isServing, server.relay]).toEqual([true, ['stops', 'listens', 'stops']])
  })

  it('that decides from now on carries out itself what its gateways have left, and ends them', async () => {
    const thread = await serving(server)
    server.leaderIs(false)
    server.lines[0]?.lose()
    append(thread)
    server.gateways.stay()
    const own: Call[] = []
    const given = server.gateways.giveOver(async call => {
      own.push(call)
      return { kind: 'appended', read: call.kind === 'append' ? call.packed : null }
    })
    await turns()
    expect([own.length, replies(thread).length, await isSettled(given)]).toEqual([1, 1, false])
    thread.answer()
    await given
    expect([thread.hasBeenEnded, server.relay]).toEqual([true, ['stops']])
  })

  it('that is told to end while nobody decides waits for nobody', async () => {
    const thread = await serving(server)
    server.leaderIs(false)
    server.lines[0]?.lose()
    append(thread)
    const closed = server.gateways.close()
    await turns()
    expect(replies(thread)).toMatchObject([{ kind: 'failed', error: { code: 'store-failed' } }])
    expect(thread.asked('close')[0]?.ask).toMatchObject({ drainMs: limits.shutdownTimeoutMs })
    thread.answer()
    await closed
    expect(thread.hasBeenEnded).toBe(true)
  })

  it('that is told to end hands what it recorded to one under which it may not serve, and leaves that one last', async () => {
    const thread = await serving(server)
    server.leaderIs(false)
    server.lines[0]?.lose()
    server.leaderIs(true, '2')
    await pass(server, limits.peerLookMs)
    const closed = server.gateways.close()
    append(thread)
    await turns()
    expect([server.calls.length, replies(thread).length, server.lines[1]?.isOpen()]).toEqual([1, 1, true])
    thread.answer()
    await closed
    expect([thread.hasBeenEnded, server.lines[1]?.isOpen()]).toEqual([true, false])
  })

  it('that is told to end hands over what it has', async () => {
    const thread = await serving(server)
    const closed = server.gateways.close()
    append(thread)
    await turns()
    expect(server.calls).toHaveLength(1)
    thread.answer()
    await closed
    expect(thread.hasBeenEnded).toBe(true)
  })
})

describe('the server that decides', () => {
  it('takes one that says nothing for lost, which it may not be', async () => {
    const server = rig()
    await serving(server)
    for (const line of server.lines) line.standby.open({ hear: () => {}, closed: () => {} })
    const applied = server.pool.apply({ spec, table: sole('v1', 2) })
    server.at(0).answer()
    server.leaderIs(false)
    await pass(server, limits.peerAnswerMs + limits.peerGoneMs - 3 * limits.peerPingMs)
    expect(await isSettled(applied)).toBe(false)
    await pass(server, 10 * limits.peerPingMs)
    expect(await isSettled(applied)).toBe(true)
  })

  it.each<[string, unknown[]]>([
    ['a message of no kind', [{ kind: 'sing' }]],
    ['a second hello', [{ kind: 'hello', version: '1', format: 1, name: 'again' }]],
    ['a call of nothing', [{ kind: 'call', id: 1, call: null }]],
    ['a call that is said', [{ kind: 'said', message: { kind: 'call', id: 1, call: null } }]],
    ['counters that cannot be added up', [{ kind: 'said', message: { kind: 'counts', counts: { gateway: {} } } }]],
    ['an answer that is none', [{ kind: 'said', message: { kind: 'remembered', remembered: [{}] } }]],
  ])('gives up one that says what no gateway says, and goes on: %s', async (_, messages) => {
    const { pool, clock } = rig()
    pool.tellAll({ isReady: true })
    const [ours, theirs] = duplexPair()
    const [channel, peer] = [new PeerChannel<ToRemote, FromRemote>(ours), new PeerChannel<unknown, ToRemote>(theirs)]
    const does = { admit: (one: Visitor) => pool.admit(one), call: (call: Call) => pool.call(call), succeededBy() {} }
    welcomeRemote(channel, { version: '1', format: 1, isNear: true, uptime: clock, ...does, logger: { info() {} } })
    const closed = once(ours, 'close')
    for (const message of [{ kind: 'hello', version: '1', format: 1, name: 'odd' }, ...messages]) peer.say(message)
    await closed
    expect(() => pool.stats()).not.toThrow()
  })

  it('hears from whoever followed it that its lease is over, whatever the version of that one', async () => {
    const { clock } = rig()
    const line = connection()
    const terms: number[] = []
    const never = () => expect.unreachable()
    welcomeRemote(line.leader, {
      ...{ version: '1', format: 1, isNear: true, uptime: clock, admit: never, call: never, logger: { info: never } },
      succeededBy: term => void terms.push(term),
    })
    line.standby.open({ hear: never, closed: () => {} })
    line.standby.say({ kind: 'succeeded', term: 7 } satisfies FromRemote)
    line.standby.end()
    await turns()
    expect(terms).toEqual([7])
  })

  it('lets no other version in', async () => {
    const { pool, clock, lines } = rig()
    pool.tellAll({ isReady: true })
    const line = connection()
    lines.push(line)
    const heard: ToRemote[] = []
    line.standby.open({ hear: message => void heard.push(message), closed: () => {} })
    const never = () => expect.unreachable()
    const options = {
      version: '2',
      format: 1,
      isNear: true,
      uptime: clock,
      admit: never,
      call: never,
      succeededBy: never,
    }
    welcomeRemote(line.leader, { ...options, logger: { info() {} } })
    line.standby.say({ kind: 'hello', version: '1', format: 1, name: 'old' } satisfies FromRemote)
    await turns()
    expect(heard).toEqual([{ kind: 'refused', why: 'it is version 2, and this one is 1' }])
  })
})
