import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WireSimulation } from '../../src/contract/wire/simulation.ts'
import { emptyVersionEvidence } from '../../src/core/evidence.ts'
import { DDSketch } from '../../src/stats/summaries/ddsketch.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call } from '../support/http.ts'

function recorded() {
  const latencyMs = new DDSketch()
  for (let value = 1; value <= 1_000; value += 1) latencyMs.add(10 + value / 100)
  const v1 = { ...emptyVersionEvidence(), requests: 10_000, errors: 100, answered: 9_900, latencyMs }
  const hourly = Array.from({ length: 24 }, () => 400)
  return {
    requests: 10_000,
    firstMs: 0,
    lastMs: 1_000_000,
    hourly,
    units: { regulars: 0, ofRegulars: 0 },
    versions: { v1 },
  }
}

let server: ControlServer
let log: ReturnType<typeof recorded> | null = recorded()
beforeAll(async () => {
  server = await startControlServer({
    recorded: {
      evidence: { replay: async () => ({ predictions: 0, isWhole: true }) },
      traffic: { measure: async () => log },
    },
  })
  await call(`${server.url}/api/v1/endpoints`, { json: digits })
})
afterAll(() => server.close())

type Answer = WireSimulation & { code?: string; problems?: { path: string }[] }
const release = {
  to: 'v2',
  endpoint: 'digits',
  guardrails: { 'error-rate': { margin: '1pp' } },
  stages: [{ canary: {} }],
}
const simulate = (body: object) =>
  call<Answer>(`${server.url}/api/v1/simulate`, { json: { endpoint: 'digits', release, seeds: 10, ...body } })

describe('POST /api/v1/simulate', () => {
  it('measures the world from the log, where the candidate is like stable but for what is said of it', async () => {
    log = recorded()
    const { status, body } = await simulate({ candidate: { 'error-rate': '15%' } })
    expect(status).toBe(200)
    expect(body.results).toMatchObject([{ strategy: 'canary', scenario: 'recorded', refused: null }])
    expect(body.results[0]?.study?.ends['rolled-back'].runs).toBe(10)
    expect(body.results[0]?.study?.truths).toEqual({ v2: 'worse' })
    expect(body.cautions[1]).toMatch(/less than a day is recorded/)
    const alike = await simulate({})
    expect(alike.body.results[0]?.study?.truths).toEqual({ v2: 'fine' })
  })

  it('takes a candidate that nobody has declared yet', async () => {
    const { body } = await simulate({ release: { ...release, to: 'v9' } })
    expect(body.results[0]?.study?.truths).toEqual({ v9: 'fine' })
  })

  it('puts strategies beside each other, and says which cannot be simulated', async () => {
    const { body } = await simulate({ compare: ['canary', 'rolling', 'abTest'] })
    expect(body.results.map(({ strategy, refused }) => [strategy, refused === null])).toEqual([
      ['canary', true],
      ['rolling', true],
      ['abTest', false],
    ])
  })

  it('takes a scenario instead of the log', async () => {
    const scenario = {
      kind: 'Scenario',
      name: 'quiet',
      traffic: { 'requests-per-second': 1 },
      versions: { v1: {}, v2: {} },
    }
    const { body } = await simulate({ scenario })
    expect(body.results).toMatchObject([{ scenario: 'quiet', study: { runs: 10 } }])
  })

  it.each([
    ['no log', {}, null, 'invalid-request'],
    ['a word that is no effect', { candidate: { 'error-rte': '2%' } }, recorded(), 'invalid-resource'],
    ['a word that is no strategy', { compare: ['hope'] }, recorded(), 'invalid-request'],
    [
      'a release that is not valid',
      { release: { to: 'v2', endpoint: 'digits', stages: [] } },
      recorded(),
      'invalid-resource',
    ],
  ])('refuses %s', async (_, body, seen, code) => {
    log = seen
    const { status, body: answer } = await simulate(body)
    expect([status, answer.code]).toEqual([400, code])
  })
})
