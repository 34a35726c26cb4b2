import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { parseDocuments } from '../../src/config/documents.ts'
import type { WireAdvice } from '../../src/contract/wire/advice.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call } from '../support/http.ts'

const shop = {
  ...digits,
  name: 'shop',
  metrics: {
    accuracy: { type: 'accuracy' },
    conversion: { type: 'mean', of: 'converted', 'unit-level': true },
    slow: { type: 'quantile', of: 'latency-ms', quantile: 0.9 },
  },
}

let server: ControlServer
beforeAll(async () => {
  server = await startControlServer()
  await call(`${server.url}/api/v1/endpoints`, { json: shop })
  await call(`${server.url}/api/v1/endpoints`, {
    json: { ...digits, name: 'alone', versions: { v1: digits.versions.v1 } },
  })
})
afterAll(() => server.close())
beforeEach(() => {
  server.control.traffic = 10
  server.control.known = { known: true, baseline: { n: 9_000, mean: 0.1, variance: 0.09, perDay: 100_000 } }
})

type Answer = WireAdvice & { problems?: { path: string; allowed?: string[] }[] }
const ask = (body: object) => call<Answer>(`${server.url}/api/v1/advise`, { json: { endpoint: 'shop', ...body } })
const fact = ({ situation }: WireAdvice, name: string) => situation.find(one => one.name === name)

describe('POST /api/v1/advise', () => {
  it('tells where every value came from', async () => {
    const { status, body } = await ask({ downtime: false, requestsPerSecond: 3 })
    expect(status).toBe(200)
    expect(body).toMatchObject({ endpoint: 'shop', stable: 'v1' })
    expect(fact(body, 'downtime')).toEqual({ name: 'downtime', value: false, from: 'stated', note: '' })
    expect(fact(body, 'requestsPerSecond')).toMatchObject({ value: 3, from: 'stated' })
    expect(fact(body, 'exposure')).toMatchObject({ value: true, from: 'assumed' })
    expect(fact(body, 'baseline')).toMatchObject({ from: 'measured', value: { mean: 0.1, perDay: 100_000 } })
    expect(body.open).toContain('exposure')
    expect(body.open).not.toContain('downtime')
  })

  it('gives every plan as a file and as the same document, which a release can be tried with', async () => {
    const { body } = await ask({ candidates: ['v2'] })
    for (const { file, document, possible } of body.plans) {
      expect(parse(file)).toEqual(document)
      const tried = await call(`${server.url}/api/v1/releases?dryRun=true`, { json: document })
      if (possible) expect([file, tried.status]).toEqual([file, 200])
    }
  })

  it('asks the endpoint for the baseline of the goal, and plans a sample with it', async () => {
    const { body } = await ask({ goal: { metric: 'conversion', effect: '5%' } })
    const test = body.plans.find(({ stages }) => stages.join() === 'abTest')
    expect(test?.verdicts[0]).toMatchObject({ of: 'units', sample: { power: 0.8 } })
    expect(test?.verdicts[0]?.sample?.needed).toBeGreaterThan(test?.verdicts[0]?.sample?.fixed ?? 0)
    server.control.known = { known: false, reason: 'too few' }
    const { body: without } = await ask({ goal: { metric: 'conversion', effect: '5%' } })
    expect(fact(without, 'baseline')).toMatchObject({ value: null, note: 'too few' })
    expect(without.plans.find(({ stages }) => stages.join() === 'abTest')?.verdicts[0]).toMatchObject({
      sample: null,
      says: 'too few',
    })
  })

  it('gives each plan a file that the server would start', async () => {
    const { body } = await ask({})
    expect(body.plans.map(({ rank }) => rank)).toEqual(body.plans.map((_, index) => index + 1))
    for (const { file, possible } of body.plans) {
      const [document] = parseDocuments(file, { source: 'file' })
      expect(compileResource(validateResource(document?.value)).kind).toBe('Release')
      const json = document?.value
      const tried = await call(`${server.url}/api/v1/releases?dryRun=true`, { json })
      if (possible) expect(tried.status).toBe(200)
    }
  })

  it('names its sources', async () => {
    const { body } = await ask({ exposure: false })
    const reasons = body.plans.flatMap(({ fit, misfit }) => [...fit, ...misfit])
    expect(reasons.every(({ source }) => source.title.length > 10 && source.url.length > 5)).toBe(true)
    expect(body.plans[0]?.stages[0]).toBe('shadow')
  })

  it.each([
    [{ endpoint: 'nowhere' }, 404, 'endpoint'],
    [{ endpoint: 'alone' }, 400, 'candidates'],
    [{ candidates: ['v9'] }, 400, 'candidates[0]'],
    [{ candidates: ['v1'] }, 400, 'candidates[0]'],
    [{ candidates: ['v2', 'v2'] }, 400, 'candidates[1]'],
    [{ goal: { metric: 'profit' } }, 400, 'goal.metric'],
    [{ goal: { metric: 'slow' } }, 400, 'goal.metric'],
    [{ goal: { metric: 'conversion', effect: '0%' } }, 400, 'goal.effect'],
    [{ baseline: { mean: 12 } }, 400, 'baseline.mean'],
    [{ within: 'soon' }, 400, 'within'],
    [{ within: '0s' }, 400, 'within'],
    [{ harm: { by: '5%' } }, 400, 'harm.by'],
    [{ hurry: true }, 400, 'hurry'],
  ])('refuses %j by its path', async (body, status, path) => {
    const answer = await ask(body)
    expect(answer.status).toBe(status)
    expect(answer.body.problems?.map(one => one.path)).toContain(path)
  })
})
