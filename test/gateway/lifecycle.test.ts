import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { createManualClock } from '../../src/adapters/clock/manual.ts'
import type { BackendResponse } from '../../src/adapters/deployer/by-promise.ts'
import { moveTable } from '../../src/core/traffic.ts'
import type { RequestSample } from '../../src/gateway/context.ts'
import { Predictions } from '../../src/gateway/record-prediction.ts'
import { aPrediction } from '../contract/samples.ts'
import {
  answerOf,
  endpoint,
  fleetsOf,
  instance,
  memoryRecorder,
  naming,
  type Rig,
  sole,
  split,
  startRig,
} from '../support/gateway-rig.ts'
import { ask, dial, inferPath, keepAlive } from '../support/http-caller.ts'

let rig: Rig
afterEach(() => rig.close())
afterAll(() => keepAlive.destroy())

const version = async () => (await ask(rig.port, { path: inferPath, body: '{}' })).headers['x-cutover-version']
const fine: BackendResponse = { status: 200, headers: [], body: Buffer.from('fine') }

describe('a traffic table', () => {
  test('takes effect with the next request', async () => {
    rig = await startRig()
    expect(await version()).toBe('v1')
    rig.gateway.apply({ spec: endpoint(), table: sole('v2', 2) })
    expect(await version()).toBe('v2')
  })

  test('of an older epoch is ignored', async () => {
    rig = await startRig({ table: sole('v2', 7) })
    rig.gateway.apply({ spec: endpoint(), table: sole('v1', 6) })
    expect(await version()).toBe('v2')
  })

  test('of the same epoch counts only with a new specification', async () => {
    rig = await startRig({ table: sole('v2', 7) })
    rig.gateway.apply({ spec: endpoint(), table: sole('v1', 7) })
    expect(await version()).toBe('v2')
    rig.gateway.apply({ spec: endpoint({ bodyBytesMax: 1 }), table: sole('v2', 7) })
    expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(413)
  })

  test('that was removed serves nobody, and may come back with any epoch', async () => {
    rig = await startRig({ table: sole('v1', 7) })
    rig.gateway.remove('digits')
    expect((await ask(rig.port, { path: inferPath, body: '{}' })).status).toBe(404)
    rig.gateway.apply({ spec: endpoint(), table: sole('v2', 1) })
    expect(await version()).toBe('v2')
  })

  test('that does not fit its endpoint is refused and changes nothing', async () => {
    rig = await startRig()
    const table = { ...sole('v2', 2), segments: [] }
    expect(() => rig.gateway.apply({ spec: endpoint(), table })).toThrow('does not fit')
    expect(await version()).toBe('v1')
  })

  test('is the one of the moment of choice: a slow upload is not sent by a table that is gone', async () => {
    rig = await startRig()
    const req = request({ host: '127.0.0.1', port: rig.port, path: inferPath, method: 'POST', agent: false })
    req.setHeader('content-length', 4).write('{}')
    await version()
    rig.gateway.apply({ spec: endpoint(), table: sole('v2', 2) })
    req.end('  ')
    const [res] = await once(req, 'response')
    expect(res.resume().headers['x-cutover-version']).toBe('v2')
  })

  test('swapped under load: no request is lost, doubled, or answered by a version that its record does not name', async () => {
    rig = await startRig()
    let running = true
    let sent = 0
    const problems: string[] = []
    const caller = async () => {
      while (running) {
        sent += 1
        const { status, headers, text } = await ask(rig.port, { path: inferPath, body: '{}' })
        const told = headers['x-cutover-version']
        if (status !== 200 || !text.includes(`"answeredBy":"${told}"`)) problems.push(`${status} ${told} ${text}`)
      }
    }
    const callers = Array.from({ length: 8 }, caller)
    let table = sole()
    for (let swap = 0; swap < 200; swap++) {
      const v2 = (swap * 37_000) % 1_000_001
      table = moveTable(table, { weights: { v1: 1_000_000 - v2, v2 }, stable: 'v1', release: 'r1' })
      rig.gateway.apply({ spec: endpoint(), table })
      const before = sent
      while (sent < before + 5) await turn()
    }
    running = false
    await Promise.all(callers)
    expect(problems).toEqual([])
    const records = await rig.recorder.recorded(sent)
    expect(new Set(records.map(({ id }) => id)).size).toBe(sent)
    expect(records.every(record => record.version === record.assigned && !record.failed)).toBe(true)
    expect(new Set(records.map(({ epoch }) => epoch)).size).toBeGreaterThan(150)
  })
})

describe('listening', () => {
  test('on a port in use fails with the port and what to do', async () => {
    rig = await startRig()
    const second = startRig().then(async other => {
      await other.close()
      return other.gateway.listen({ host: '127.0.0.1', port: rig.port })
    })
    await expect(second).rejects.toMatchObject({
      code: 'port-in-use',
      message: `port ${rig.port} on 127.0.0.1 is in use; stop the server that holds it, or give the inference listener another port`,
    })
  })

  test('on a foreign address fails with address and reason', async () => {
    rig = await startRig()
    const other = await startRig()
    await other.close()
    await expect(other.gateway.listen({ host: '192.0.2.1', port: 0 })).rejects.toThrow('cannot listen on 192.0.2.1')
  })
})

describe('closing', () => {
  test('lets a request in flight finish and its connection go', async () => {
    const answer = Promise.withResolvers<BackendResponse>()
    const asked = Promise.withResolvers<void>()
    const slow = instance(() => {
      asked.resolve()
      return answer.promise
    })
    rig = await startRig({ fleets: fleetsOf({ v1: slow }) })
    const reply = ask(rig.port, { path: inferPath, body: '{}' })
    await asked.promise
    const closed = rig.gateway.close({ drainMs: 10_000 })
    await expect(dial(rig.port)).rejects.toThrow('ECONNREFUSED')
    answer.resolve(fine)
    expect((await reply).text).toBe('fine')
    await closed
  })

  test('cuts what is not done by the deadline, and the model server hears of it', async () => {
    const aborted = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const stuck = instance(({ signal }) => {
      asked.resolve()
      signal.addEventListener('abort', () => aborted.resolve())
      return new Promise<BackendResponse>(() => {})
    })
    rig = await startRig({ fleets: fleetsOf({ v1: stuck }) })
    const reply = ask(rig.port, { path: inferPath, body: '{}' })
    reply.catch(() => {})
    await asked.promise
    await rig.gateway.close({ drainMs: 10 })
    await expect(reply).rejects.toThrow('socket hang up')
    await aborted.promise
  })

  test('waits for a caller who lingers no longer than it would otherwise', async () => {
    rig = await startRig()
    const caller = await dial(rig.port)
    caller.on('error', () => {})
    caller.write('POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc')
    await once(caller, 'data')
    // Longer than this test may take.
    await rig.gateway.close({ drainMs: 60_000 })
  })

  test('waits until the predictions of all that were served are handed over, packed answers too', async () => {
    const packed = ['content-type', 'application/json', 'content-encoding', 'gzip']
    const noise = Array.from({ length: 50_000 }, (_, index) => (index * 7_919) % 251)
    const body = gzipSync(JSON.stringify({ y: 1, noise }))
    const spec = endpoint({ protocol: 'http', answer: { output: '/y', read: 'value' } })
    rig = await startRig({ spec, fleets: fleetsOf({ v1: instance(() => ({ status: 200, headers: packed, body })) }) })
    const asked = { path: '/endpoints/digits/x', body: '{}', agent: new Agent() }
    await Promise.all(Array.from({ length: 40 }, () => ask(rig.port, asked)))
    await rig.gateway.close({ drainMs: 5_000 })
    expect(rig.recorder.records.map(answerOf)).toEqual(Array.from({ length: 40 }, () => [1]))
  })

  test('waits for packed answers no longer than it says', async () => {
    const clock = createManualClock()
    const recorder = memoryRecorder()
    const predictions = new Predictions(recorder)
    const spec = endpoint({ protocol: 'http', answer: { output: '/y', read: 'value' } })
    const answer = { body: gzipSync('{"y":1}'), contentType: 'application/json', encoding: 'gzip', jsonBytes: null }
    predictions.record(spec, { ...aPrediction(), raw: null }, answer)
    const waiting = [predictions.settled(clock, 1_000), predictions.settled(clock, 60_000)]
    clock.advance(1_000)
    await waiting[0]
    expect(recorder.records).toEqual([])
    await waiting[1]
    expect(recorder.records.map(answerOf)).toEqual([[1]])
  })

  test('twice, or before listening, is no fault', async () => {
    rig = await startRig()
    await rig.close()
    await rig.close()
  })
})

describe('counters', () => {
  test('count by endpoint, version and class; unknown names make no series', async () => {
    const samples: RequestSample[] = []
    const options = { observe: (sample: RequestSample) => void samples.push(sample) }
    const failing = instance(() => ({ ...fine, status: 500 }))
    rig = await startRig({ fleets: fleetsOf({ v1: naming('v1'), v2: failing }), options })
    await ask(rig.port, { path: inferPath, body: '{}' })
    await ask(rig.port, { path: '/v2/models/digits/versions/v2/infer', body: '{}' })
    await ask(rig.port, { path: '/endpoints/anything/x' })
    await ask(rig.port, { path: '/endpoints/digits/x', headers: { 'x-cutover-version': 'v7' } })
    await rig.recorder.recorded(2)
    const { requests, inFlight, errors } = rig.gateway.stats()
    expect(requests.filter(({ count }) => count > 0)).toEqual([
      { endpoint: 'digits', version: 'v1', statusClass: '2xx', count: 1 },
      { endpoint: 'digits', version: 'v2', statusClass: '5xx', count: 1 },
    ])
    expect(requests.length).toBe(10)
    expect(inFlight).toEqual([{ endpoint: 'digits', count: 0 }])
    expect(errors.toSorted((a, b) => a.code.localeCompare(b.code))).toEqual([
      { code: 'endpoint-not-found', count: 1 },
      { code: 'version-not-found', count: 1 },
    ])
    expect(samples.map(({ version, status, failed }) => [version, status, failed])).toEqual([
      ['v1', 200, false],
      ['v2', 500, true],
    ])
  })

  test('tell what is in flight, and forget versions that are gone', async () => {
    const answer = Promise.withResolvers<BackendResponse>()
    const asked = Promise.withResolvers<void>()
    const slow = instance(() => {
      asked.resolve()
      return answer.promise
    })
    rig = await startRig({ fleets: fleetsOf({ v1: slow }), table: split({ v1: 1_000_000 }) })
    const reply = ask(rig.port, { path: inferPath, body: '{}' })
    await asked.promise
    expect(rig.gateway.stats().inFlight).toEqual([{ endpoint: 'digits', count: 1 }])
    rig.gateway.apply({ spec: endpoint({ versionNames: ['v1'] }), table: sole('v1', 9) })
    answer.resolve(fine)
    await reply
    await rig.recorder.recorded(1)
    const { requests, inFlight } = rig.gateway.stats()
    expect([inFlight[0]?.count, new Set(requests.map(one => one.version))]).toEqual([0, new Set(['v1'])])
  })

  test('a recorder or hook that throws harms no request', async () => {
    const told: string[] = []
    const logger = { warn: () => {}, error: (_fields: object, message: string) => void told.push(message) }
    const observe = () => {
      throw new Error('broken hook')
    }
    rig = await startRig({ options: { observe, logger } })
    expect([await version(), await version()]).toEqual(['v1', 'v1'])
    while (told.length < 2) await turn()
    expect(told).toEqual(['a request could not be recorded', 'a request could not be recorded'])
  })
})
