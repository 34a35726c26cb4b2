import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { monitoringSchema, signalSchema } from '../../src/contract/wire/monitoring.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call } from '../support/http.ts'
import { aLook, labelDelays, watchedSince, watching } from '../support/monitoring.ts'

let server: ControlServer
beforeEach(async () => {
  server = await startControlServer()
  await call(`${server.url}/api/v1/endpoints`, { json: { ...digits, ...watching } })
})
afterEach(() => server.close())

const get = (path: string) => call<Record<string, unknown>>(`${server.url}/api/v1/endpoints/${path}`)

/** The endpoint as if the last report had said what a look says now. */
function watch(): void {
  const look = aLook(watchedSince)
  server.control.monitor('digits', { ...watchedSince, ...look.report, changedAtMs: watchedSince.sinceMs + 5_000 })
  server.control.looks.set('digits', look)
}

describe('what is watched', () => {
  it('is shown with verdict, test, statistic and windows of each feature, and every limit', async () => {
    watch()
    const { status, body } = await get('digits/drift')
    expect(status).toBe(200)
    expect(z.strictObject(monitoringSchema.shape).parse(body)).toEqual(body)
    expect(body).toMatchObject({
      endpoint: 'digits',
      version: 'v1',
      status: 'breached',
      since: '2026-01-01T00:00:00.000Z',
      changedAt: '2026-01-01T00:00:05.000Z',
      alarms: [
        { kind: 'feature', name: 'age' },
        { kind: 'limit', name: 'error-rate' },
      ],
      drift: {
        verdict: 'fail',
        features: [
          {
            name: 'age',
            verdict: 'fail',
            method: expect.stringMatching(/ks|chi-square/),
            statistic: expect.any(Number),
            pValue: expect.any(Number),
            missing: { reference: 0, current: 0 },
            reference: { predictions: 1_000, from: '2026-01-01T00:00:00.000Z' },
            current: { predictions: 500, to: '2026-01-01T00:00:03.000Z' },
          },
          { name: 'country', verdict: 'insufficient', method: null, pValue: null, reference: null, current: null },
        ],
        quality: { verdict: 'insufficient', reason: 'the reference has 300 of 1000 labelled answers' },
      },
      limits: [{ metric: 'error-rate', verdict: 'fail', trials: 50, events: 20, rate: 0.4 }],
    })
  })

  it('is nothing where the endpoint asks for nothing', async () => {
    expect((await get('digits/drift')).body).toEqual({
      endpoint: 'digits',
      version: 'v1',
      status: 'unwatched',
      since: null,
      changedAt: null,
      alarms: [],
      drift: null,
      limits: [],
    })
  })

  it('is of endpoints that are there', async () => {
    for (const path of ['letters/drift', 'letters/labels'])
      expect(await get(path)).toMatchObject({ status: 404, body: { code: 'endpoint-not-found' } })
  })
})

describe('the delays of labels', () => {
  it('are shown with the coverage of each version', async () => {
    server.control.delayReports.set('digits', [labelDelays])
    const { status, body } = await get('digits/labels')
    expect(status).toBe(200)
    expect(z.array(signalSchema).parse(body['items'])).toEqual(body['items'])
    expect(body).toMatchObject({
      items: [
        {
          name: 'label',
          metrics: ['accuracy'],
          delay: { p50Ms: 2_000 },
          maturity: { known: true, ageMs: 600_000, source: 'learned' },
          versions: [
            { version: 'v1', coverage: 0.75, maturity: 0.9, cohorts: [{ predicted: 1_000, arrived: 700 }] },
            { version: 'v2', coverage: null, maturity: null },
          ],
        },
      ],
    })
  })

  it('are none before there is a prediction', async () => {
    expect((await get('digits/labels')).body).toEqual({ items: [] })
  })
})

it('the features of an endpoint are shown with it', async () => {
  expect((await get('digits')).body).toMatchObject({
    features: { age: { type: 'number' }, country: { type: 'category' } },
  })
})
