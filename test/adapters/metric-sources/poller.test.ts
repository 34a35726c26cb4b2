import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { systemClock } from '../../../src/adapters/clock/system.ts'
import { addressOf, ask } from '../../../src/adapters/metric-sources/ask.ts'
import { createPoller } from '../../../src/adapters/metric-sources/poller.ts'
import { type ExternalMetric, readingsKept } from '../../../src/core/external-metric.ts'
import { limits } from '../../../src/core/limits.ts'

const place = { endpoint: 'digits', version: 'v2' }

type Said = { status?: number; body: string } | 'silence'

/** A server that says this, whatever it is asked; and what it was asked. */
async function server(said: Said) {
  const asked: string[] = []
  const http = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (said === 'silence') return
    response.writeHead(said.status ?? 200, { 'content-type': 'application/json' }).end(said.body)
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    http.closeAllConnections()
    http.close()
  })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, asked }
}

const prometheus = (url: string, query = 'up'): ExternalMetric => ({
  source: { from: 'prometheus', url, query },
  everyMs: 15_000,
  timeoutMs: 500,
})
const http = (url: string, pointer: string): ExternalMetric => ({
  source: { from: 'http', url, pointer },
  everyMs: 15_000,
  timeoutMs: 500,
})
const vector = (...values: string[]) =>
  JSON.stringify({
    status: 'success',
    data: { resultType: 'vector', result: values.map(value => ({ metric: {}, value: [1_700_000_000.1, value] })) },
  })

describe('asking Prometheus', () => {
  it.each([
    { rule: 'takes the one sample of a vector', body: vector('0.25'), value: 0.25, says: /^$/ },
    {
      rule: 'takes a scalar',
      body: '{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}',
      value: 7,
      says: /^$/,
    },
    { rule: 'refuses several series', body: vector('1', '2'), value: null, says: /2 series, not one/ },
    { rule: 'refuses none', body: vector(), value: null, says: /0 series/ },
    { rule: 'refuses NaN', body: vector('NaN'), value: null, says: /NaN is not a number/ },
    {
      rule: 'refuses a matrix',
      body: '{"status":"success","data":{"resultType":"matrix","result":[]}}',
      value: null,
      says: /a matrix/,
    },
    {
      rule: 'tells a failed query',
      body: '{"status":"error","error":"parse error"}',
      value: null,
      says: /parse error/,
    },
    { rule: 'tells what is no JSON', body: '<html>', value: null, says: /JSON/ },
  ])('$rule', async ({ body, value, says }) => {
    const { url } = await server({ body })
    const answer = await ask(prometheus(url), place)
    expect(answer.value).toBe(value)
    expect(answer.detail).toMatch(says)
  })

  it('names the version in the query, and keeps the path of its address', () => {
    const source = {
      from: 'prometheus',
      url: 'http://127.0.0.1:9090/prom/',
      query: 'q{v="{{version}}",e="{{endpoint}}"}',
    } as const
    const url = addressOf(source, place)
    expect(url.pathname).toBe('/prom/api/v1/query')
    expect(url.searchParams.get('query')).toBe('q{v="v2",e="digits"}')
  })
})

it('a question that nobody answers is given up when the poller is closed', async () => {
  const { url, asked } = await server('silence')
  const done = Promise.withResolvers<unknown>()
  const poller = createPoller({
    clock: createManualClock(),
    uptime: { ...systemClock, every: (_intervalMs, run) => systemClock.every(1, run) },
    ask: async (...of) => {
      const answer = await ask(...of)
      done.resolve(answer)
      return answer
    },
  })
  const slow = { ...http(url, '/x'), timeoutMs: 86_400_000 }
  poller.read({ endpoint: 'digits', versions: ['v2'], metrics: { slow }, sinceMs: 0 })
  await expect.poll(() => asked).toHaveLength(1)
  poller.close()
  expect(await done.promise).toMatchObject({ value: null })
})

describe('asking any server', () => {
  it('reads the number at a pointer', async () => {
    const { url, asked } = await server({ body: '{"versions":{"v2":{"queue":12}}}' })
    const answer = await ask(http(`${url}/metrics?version={{version}}`, '/versions/v2/queue'), place)
    expect(answer).toEqual({ value: 12, detail: '' })
    expect(asked).toEqual(['/metrics?version=v2'])
  })

  it.each([
    { rule: 'a missing value', said: { body: '{}' }, says: /nothing at \/queue/ },
    { rule: 'a text', said: { body: '{"queue":"12"}' }, says: /is not a number/ },
    { rule: 'a status that is not 200', said: { status: 503, body: '{"queue":12}' }, says: /answered 503/ },
    { rule: 'silence', said: 'silence' as const, says: /no answer in time/ },
    {
      rule: 'an answer over the limit',
      said: { body: `"${'x'.repeat(limits.externalAnswerBytesMax)}"` },
      says: /longer than/,
    },
  ])('$rule is a reading without a value', async ({ said, says }) => {
    const { url } = await server(said)
    const answer = await ask(http(url, '/queue'), place)
    expect(answer.value).toBeNull()
    expect(answer.detail).toMatch(says)
  })

  it('nobody there is a reading without a value', async () => {
    expect(await ask(http('http://127.0.0.1:1', '/queue'), place)).toMatchObject({
      value: null,
      detail: expect.stringMatching(/ECONNREFUSED/),
    })
  })
})

describe('the poller', () => {
  const metric = prometheus('http://127.0.0.1:9090')
  const query = { endpoint: 'digits', versions: ['v1', 'v2'], metrics: { queue: metric }, sinceMs: 0 }

  function rig() {
    const clock = createManualClock(1_000_000)
    const asked: string[] = []
    let putBackMs = 0
    const poller = createPoller({
      clock: { ...clock, nowMs: () => clock.nowMs() - putBackMs },
      uptime: clock,
      ask: async (_metric, { version }) => {
        asked.push(version)
        return { value: asked.length, detail: '' }
      },
    })
    /** Time goes on in turns, since an answer comes in a later one. */
    const pass = async (ms: number) => {
      for (let gone = 0; gone < ms; gone += 250) {
        clock.advance(250)
        await Promise.resolve()
        await Promise.resolve()
      }
    }
    const putBack = (ms: number) => {
      putBackMs = ms
    }
    return { clock, poller, asked, pass, putBack }
  }

  it('has nothing at first and reads at the interval from the first question on', async () => {
    const { poller, asked, pass } = rig()
    expect(poller.read(query)).toEqual({ queue: { v1: [], v2: [] } })
    await pass(30_500)
    expect(asked.filter(version => version === 'v2')).toHaveLength(3)
    expect(poller.read(query)['queue']?.['v2']).toHaveLength(3)
  })

  it("reads on at the interval when the machine's clock is put back, by which it dates what it reads", async () => {
    const { poller, asked, pass, putBack, clock } = rig()
    poller.read(query)
    await pass(15_500)
    putBack(600_000)
    const before = asked.length
    await pass(15_000)
    expect(asked.length - before).toBe(2)
    expect(poller.read(query)['queue']?.['v1']?.at(-1)?.atMs).toBeLessThan(clock.nowMs() - 590_000)
  })

  it('keeps the newest readings only', async () => {
    const { poller, pass } = rig()
    for (let turn = 0; turn < readingsKept + 5; turn++) {
      poller.read(query)
      await pass(15_000)
    }
    expect(poller.read(query)['queue']?.['v1']).toHaveLength(readingsKept)
  })

  it('leaves out what was read before', async () => {
    const { poller, pass, clock } = rig()
    poller.read(query)
    await pass(1_000)
    expect(poller.read({ ...query, sinceMs: clock.nowMs() })['queue']?.['v1']).toEqual([])
  })

  it('stops reading what nobody asks for', async () => {
    const { poller, asked, pass } = rig()
    poller.read(query)
    await pass(limits.externalForgetMs + 1_000)
    const before = asked.length
    await pass(60_000)
    expect(asked).toHaveLength(before)
  })
})
