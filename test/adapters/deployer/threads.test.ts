/** Fleets of one thread as another one calls them: the same contract as at home, though only messages go between. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { createDeployer } from '../../../src/adapters/deployer/deployer.ts'
import { HttpInstance } from '../../../src/adapters/deployer/http/http-instance.ts'
import type { CallsTold, FleetInstance } from '../../../src/adapters/deployer/replica.ts'
import { BorrowedFleets } from '../../../src/adapters/deployer/threads/borrowed-fleets.ts'
import { CallTally } from '../../../src/adapters/deployer/threads/call-tally.ts'
import { type FleetGuest, SharedFleets } from '../../../src/adapters/deployer/threads/shared-fleets.ts'
import { limits } from '../../../src/core/limits.ts'
import { wholeShare } from '../../../src/core/share.ts'
import type { Deployer, FleetReport } from '../../../src/ports/deployer.ts'
import { deployerContract } from '../../contract/deployer.contract.ts'
import { type ModelServer, startModelServer } from '../../fixtures/model-server.ts'
import { identityModel } from '../../fixtures/onnx-model.ts'
import { send as ask } from '../../support/send.ts'
import { request, text } from './requests.ts'
import { type Finished, fastClock, silentLogger, temporaryFile, until, version } from './support.ts'

/** What a thread and its guest say to each other, as a port would carry it. */
function guestOf(shared: SharedFleets, share = wholeShare) {
  const borrowed = new BorrowedFleets({
    ...{ clock: fastClock(20), share, isElsewhere: false },
    tell: told => shared.hear(guest, structuredClone(told)),
  })
  const guest: FleetGuest = { tell: (news, ports) => borrowed.hear(structuredClone(news, { transfer: ports })) }
  shared.welcome(guest)
  return { borrowed, guest }
}

/** A deployer whose fleets are those that a guest sees. */
function awayDeployer(report: (report: FleetReport) => void): Deployer {
  const follower = new SharedFleets()
  const deployer = createDeployer({ clock: fastClock(20), logger: silentLogger, report, follower })
  const { borrowed } = guestOf(follower)
  return {
    ensure: request => deployer.ensure(request),
    stop: request => deployer.stop(request),
    check: spec => deployer.check(spec),
    status: (endpoint, name) => deployer.status(endpoint, name),
    fleets: borrowed,
    close: async () => {
      await deployer.close()
      borrowed.close()
    },
  }
}

async function server(finished: Finished): Promise<ModelServer> {
  const started = await startModelServer()
  finished(() => started.stop().catch(() => {}))
  return started
}

const ready = { path: '/health', timeoutMs: 60_000, unknownIsReady: false }

deployerContract('url, called from another thread', async finished => {
  const models = await Promise.all([server(finished), server(finished)])
  const unready = await server(finished)
  unready.health = 503
  const url = (name: string, addresses: readonly string[]) => version(name, { kind: 'url', addresses, ready })
  return {
    create: awayDeployer,
    good: (name, instances) =>
      url(
        name,
        models.slice(0, instances).map(({ address }) => address),
      ),
    bad: name => url(name, [unready.address]),
    fixedSize: 'a url version has as many instances as addresses',
    hold: (instance, signal = new AbortController().signal) => ({
      answer: ask(instance, request({ path: '/hold?key=a', signal })),
      release: () => {
        for (const model of models) void model.arrived('/hold?key=a').then(() => model.release('a'))
      },
    }),
  }
})

const body = Buffer.from('{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}')

deployerContract('onnx, called from another thread', async finished => {
  const onnx = (name: string, model: Uint8Array, instances: number) =>
    version(name, { kind: 'onnx', path: temporaryFile('model.onnx', model, finished) }, instances)
  return {
    create: awayDeployer,
    good: (name, instances) => onnx(name, identityModel('FP32'), instances),
    bad: name => onnx(name, Buffer.from('not a model'), 1),
    hold: (instance, signal = new AbortController().signal) => ({
      answer: ask(instance, request({ path: '/v2/models/digits/infer', body, signal })),
      release: () => {},
    }),
  }
})

describe('an instance that leaves', () => {
  async function held() {
    const model = await server(onTestFinished)
    const shared = new SharedFleets()
    const { borrowed, guest } = guestOf(shared)
    const instance = new HttpInstance('one', model.address, { judged() {} })
    onTestFinished(async () => {
      borrowed.close()
      await instance.close()
    })
    shared.changed({ endpoint: 'digits', version: 'v1' }, [instance])
    const picked = borrowed.pick('digits', 'v1')
    if (picked === null) throw new Error('nothing is ready')
    const answer = ask(picked, request({ path: '/hold?key=a' }))
    await model.arrived('/hold?key=a')
    let isIdle = false
    const idle = shared.idle(instance).then(() => {
      isIdle = true
    })
    await new Promise(resolve => setImmediate(resolve))
    return { model, shared, guest, borrowed, instance, answer, idle, isIdle: () => isIdle }
  }

  test('is picked no more at once, and idle only when it is so everywhere', async () => {
    const { model, borrowed, answer, idle, isIdle } = await held()
    expect(borrowed.pick('digits', 'v1')).toBeNull()
    expect(isIdle()).toBe(false)
    model.release('a')
    expect(await text(await answer)).toBe('held')
    await idle
  })

  test('waits no longer for a thread that has ended', async () => {
    const { shared, guest, answer, idle, model } = await held()
    shared.farewell(guest)
    await idle
    model.release('a')
    await answer
  })

  test('cuts what is in flight elsewhere once it is gone', async () => {
    const { shared, instance, answer, idle } = await held()
    shared.gone(instance)
    await expect(answer).rejects.toMatchObject({ code: 'backend-failed' })
    await idle
  })
})

test('failures in a row that a guest meets are failures of the server, and answers to it are news once a while', async () => {
  const model = await server(onTestFinished)
  const judged: boolean[] = []
  const shared = new SharedFleets()
  const instance = new HttpInstance('one', model.address, { judged: ok => void judged.push(ok) })
  const { borrowed } = guestOf(shared)
  onTestFinished(async () => {
    borrowed.close()
    await instance.close()
  })
  shared.changed({ endpoint: 'digits', version: 'v1' }, [instance])
  const status = (code: number) => {
    const picked = borrowed.pick('digits', 'v1')
    return picked === null ? null : ask(picked, request({ path: `/status?key=${code}` })).then(text)
  }
  await status(200)
  await until(() => judged.length === 1)
  for (let count = 0; count < limits.outlierFailures; count += 1) await status(503)
  await until(() => judged.length === 1 + limits.outlierFailures)
  expect(judged).toEqual([true, ...Array.from({ length: limits.outlierFailures }, () => false)])
})

describe('what answers a guest on another machine no calls', () => {
  function visit(addresses: readonly string[]) {
    const clock = createManualClock()
    const shared = new SharedFleets()
    const judged: boolean[] = []
    const told: unknown[] = []
    const borrowed = new BorrowedFleets({
      ...{ clock, share: wholeShare, isElsewhere: true },
      tell: one => shared.hear(guest, one),
    })
    const guest: FleetGuest = { tell: news => borrowed.hear(structuredClone(news)) }
    shared.welcome(guest, { failing: (at, detail) => void told.push({ ...at, detail }) })
    const instances = addresses.map(
      (address, index) => new HttpInstance(`digits/v1/${index}`, address, { judged: ok => void judged.push(ok) }),
    )
    onTestFinished(async () => {
      borrowed.close()
      await Promise.all(instances.map(one => one.close()))
    })
    const show = () => shared.changed({ endpoint: 'digits', version: 'v1' }, instances)
    show()
    /** In turn where there are several. */
    const call = async (times: number): Promise<void> => {
      for (let count = 0; count < times; count += 1) {
        const picked = borrowed.pick('digits', 'v1')
        if (picked !== null) await ask(picked, request({ path: '/status?key=200' })).then(text, () => {})
      }
    }
    const readyHere = () => borrowed.readyCount('digits', 'v1')
    return { clock, shared, guest, judged, told, call, readyHere, show, instances }
  }
  const nowhere = 'http://127.0.0.1:1'
  const failing = { endpoint: 'digits', version: 'v1', instance: 'digits/v1/1', address: nowhere }

  test('is set aside there for a while, and nowhere else', async () => {
    const { address } = await server(onTestFinished)
    const { call, readyHere, clock, judged, told, show } = visit([address, nowhere])
    await call(2 * limits.outlierFailures)
    expect(told).toEqual([{ ...failing, detail: expect.stringContaining('ECONNREFUSED') }])
    expect([readyHere(), judged]).toEqual([1, [true]])
    show()
    clock.advance(limits.outlierEjectionMs - 1)
    expect(readyHere()).toBe(1)
    clock.advance(1)
    expect(readyHere()).toBe(2)
  })

  test('gets its calls on where there is nothing else', async () => {
    const { call, readyHere, judged, told } = visit([nowhere])
    await call(2 * limits.outlierFailures)
    expect([told.length, readyHere(), judged]).toEqual([2, 1, []])
  })

  test('is known until it answers again, or is gone', async () => {
    const model = await server(onTestFinished)
    const { call, shared, guest, instances } = visit([model.address])
    await model.stop()
    await call(limits.outlierFailures)
    expect(shared.failingFor(guest)).toMatchObject([{ instance: 'digits/v1/0' }])
    shared.hear(guest, { kind: 'heard', key: 1, failures: 0, detail: '' })
    expect(shared.failingFor(guest)).toEqual([])
    await call(limits.outlierFailures)
    expect(shared.failingFor(guest)).toHaveLength(1)
    const [gone] = instances
    if (gone !== undefined) shared.gone(gone)
    expect(shared.failingFor(guest)).toEqual([])
  })
})

test('a tally tells failures when there are too many in a row, and answers no more often than health is checked', () => {
  const clock = createManualClock()
  const told: CallsTold[] = []
  const tally = new CallTally(clock, one => void told.push(one))
  const fail = (times: number) => {
    for (let count = 0; count < times; count += 1) tally.judged(false, 'status 503')
  }
  for (let count = 0; count < 100; count += 1) tally.judged(true, '')
  expect(told).toEqual([{ failures: 0, detail: '' }])
  fail(limits.outlierFailures - 1)
  tally.judged(true, '')
  fail(limits.outlierFailures - 1)
  expect(told).toHaveLength(1)
  fail(1)
  expect(told.slice(1)).toEqual([{ failures: limits.outlierFailures, detail: 'status 503' }])
  clock.advance(limits.healthIntervalMs)
  tally.judged(true, '')
  expect(told).toHaveLength(3)
})

test('an instance that only its own thread can call is shown to nobody else', () => {
  const shared = new SharedFleets()
  const own = { id: 'own', reach: () => null } as unknown as FleetInstance
  shared.changed({ endpoint: 'digits', version: 'v1' }, [own])
  const { borrowed } = guestOf(shared)
  expect(borrowed.readyCount('digits', 'v1')).toBe(0)
})
