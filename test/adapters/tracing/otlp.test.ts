import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { headersOf } from '../../../src/adapters/tracing/open-spans.ts'
import { createOtlpExporter } from '../../../src/adapters/tracing/otlp.ts'
import { limits } from '../../../src/core/limits.ts'
import type { Span } from '../../../src/core/trace-context.ts'

const span: Span = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentId: null,
  name: 'infer digits',
  kind: 'server',
  startMs: 1_750_000_000_000.25,
  endMs: 1_750_000_000_002,
  attributes: { 'cutover.endpoint': 'digits', 'http.response.status_code': 200, share: 0.5, ok: true },
  failed: true,
}

async function collector(status = 200) {
  const got: unknown[] = []
  const server = createServer(async (req, res) => {
    got.push({ path: req.url, type: req.headers['content-type'], key: req.headers['x-key'], body: await json(req) })
    res.writeHead(status).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const complaints: string[] = []
  const exporter = createOtlpExporter({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    headers: { 'x-key': 'secret' },
    version: '1.2.3',
    clock: createManualClock(),
    complain: what => void complaints.push(what),
  })
  return { exporter, got, complaints }
}

test('spans go to the collector as OTLP has them', async () => {
  const { exporter, got } = await collector()
  exporter.record(span)
  await exporter.close()
  expect(got).toMatchObject([{ path: '/v1/traces', type: 'application/json', key: 'secret' }])
  const body = (got[0] as { body: { resourceSpans: { scopeSpans: { spans: object[] }[] }[] } }).body
  expect(body.resourceSpans[0]?.scopeSpans[0]?.spans).toEqual([
    {
      traceId: span.traceId,
      spanId: span.spanId,
      name: 'infer digits',
      kind: 2,
      startTimeUnixNano: '1750000000000250000',
      endTimeUnixNano: '1750000000002000000',
      attributes: [
        { key: 'cutover.endpoint', value: { stringValue: 'digits' } },
        { key: 'http.response.status_code', value: { intValue: '200' } },
        { key: 'share', value: { doubleValue: 0.5 } },
        { key: 'ok', value: { boolValue: true } },
      ],
      status: { code: 2 },
    },
  ])
  expect(exporter.stats()).toEqual({ sent: 1, dropped: 0 })
})

test('a collector that refuses costs its spans and a word', async () => {
  const { exporter, complaints } = await collector(503)
  exporter.record(span)
  await exporter.close()
  expect([exporter.stats(), complaints]).toEqual([{ sent: 0, dropped: 1 }, ['spans could not be sent']])
})

test('a full queue drops the newest and counts it', async () => {
  const { exporter } = await collector(503)
  for (let count = 0; count < limits.spansQueueMax + limits.spansBatchMax + 7; count += 1) exporter.record(span)
  expect(exporter.stats().dropped).toBeGreaterThanOrEqual(7)
  await exporter.close()
})

test('a header of the collector whose secret is not there is refused by name, and not sent empty', () => {
  const settings = { headers: { authorization: 'OTLP_AUTHORIZATION' } }
  expect(headersOf(settings, ({ env }) => `secret of ${env}`)).toEqual({
    authorization: 'secret of OTLP_AUTHORIZATION',
  })
  expect(() => headersOf(settings, () => null)).toThrow(
    'tracing.headers.authorization: the environment variable OTLP_AUTHORIZATION is not set',
  )
})
