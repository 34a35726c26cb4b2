import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backtestText, sharesOf } from '../../src/cli/commands/backtest.ts'
import { backtestAnswerSchema, type WireBacktest } from '../../src/contract/wire/backtest.ts'
import type { OffPolicyQuery, OffPolicyRow } from '../../src/ports/analytics.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call } from '../support/http.ts'

const row = (version: string, propensity: number, n: number, mean: number): OffPolicyRow => ({
  version,
  propensity,
  predictions: n,
  values: { n, mean, m2: n * mean * (1 - mean), min: 0, max: 1 },
})

let server: ControlServer
const asked: OffPolicyQuery[] = []
beforeAll(async () => {
  server = await startControlServer({
    analytics: {
      summarise: async () => [
        {
          key: {},
          requests: 1,
          errors: 0,
          units: 1,
          labelled: 0,
          wrong: 0,
          rewards: { count: 0, sum: 0 },
          latencyMs: null,
          firstMs: 1_000,
          lastMs: 3_000,
        },
      ],
      offPolicyRows: async (query, each) => {
        asked.push(query)
        each([row('v1', 0.5, 1_000, 0.4), row('v2', 0.5, 1_000, 0.5)])
      },
    },
  })
  await call(`${server.url}/api/v1/endpoints`, { json: digits })
})
afterAll(() => server.close())

const backtest = (body: object) =>
  call<WireBacktest & { problems?: { path: string }[] }>(`${server.url}/api/v1/backtest`, {
    json: { endpoint: 'digits', ...body },
  })

describe('POST /api/v1/backtest', () => {
  it('values a policy from both halves of the log', async () => {
    const { status, body } = await backtest({ policy: { v2: '100%' }, release: 'digits-1' })
    expect(status).toBe(200)
    expect(body).toMatchObject({ policy: { v2: 1_000_000 }, refused: null, overlap: { verdict: 'pass' } })
    // Nothing beside what is documented: the schema leaves unknown members out.
    expect(backtestAnswerSchema.parse(body)).toEqual(body)
    expect(body.estimates.map(({ method }) => method)).toEqual(['ips', 'snips', 'dr'])
    expect(asked.map(({ sinceMs, untilMs }) => [sinceMs, untilMs])).toEqual([
      [undefined, 2_001],
      [2_001, undefined],
    ])
    expect(asked[0]).toMatchObject({ release: 'digits-1', value: { kind: 'reward' } })
    expect(backtestText(body)).toMatch(/reward of digits by the policy v2 100%[\s\S]*snips +0.5/)
  })

  it('takes a metric of the endpoint for its value', async () => {
    asked.length = 0
    await backtest({ policy: { v1: '50%', v2: '50%' }, value: 'accuracy' })
    expect(asked[0]?.value).toEqual({ kind: 'correct' })
  })

  it.each([
    [{ policy: { v9: '100%' } }, 'policy.v9'],
    [{ policy: { v1: '30%', v2: '30%' } }, 'policy'],
    [{ policy: { v1: 'all' } }, 'policy.v1'],
    [{ policy: { v2: '100%' }, value: 'profit' }, 'value'],
    [{ policy: { v2: '100%' }, alpha: 2 }, 'alpha'],
  ])('refuses %j by its path', async (body, path) => {
    const answer = await backtest(body)
    expect(answer.status).toBe(400)
    expect(answer.body.problems?.map(one => one.path)).toContain(path)
  })
})

describe('cutover backtest', () => {
  it('takes a version or shares', () => {
    expect(sharesOf('v2')).toEqual({ v2: '100%' })
    expect(sharesOf('v1=20%, v2=80%')).toEqual({ v1: '20%', v2: '80%' })
    expect(() => sharesOf('v1=20%,v2')).toThrow('shares of versions')
  })
})
