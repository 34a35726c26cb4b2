import { afterEach, describe, expect, test } from 'vitest'
import { isSampled, parseTraceParent, type Span } from '../../src/core/trace-context.ts'
import { fleetsOf, instance, type Rig, startRig } from '../support/gateway-rig.ts'
import { ask, inferPath } from '../support/http-caller.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'
const given = `00-${traceId}-${spanId}-01`

let rig: Rig
afterEach(() => rig.close())

async function traced(samplePpm: number | null, headers: Record<string, string>) {
  const seen: Record<string, string>[] = []
  const spans: Span[] = []
  const noting = instance(request => {
    const fields: Record<string, string> = {}
    for (let at = 0; at < request.headers.length; at += 2)
      fields[request.headers[at]?.toLowerCase() ?? ''] = request.headers[at + 1] ?? ''
    seen.push(fields)
    return { status: 200, headers: [], body: Buffer.from('{}') }
  })
  const sink = { record: (span: Span) => void spans.push(span) }
  const options = samplePpm === null ? {} : { tracing: { spans: sink, samplePpm } }
  rig = await startRig({ fleets: fleetsOf({ v1: noting }), options })
  await ask(rig.port, { path: inferPath, body: '{}', headers })
  await rig.recorder.recorded(1)
  return { fields: seen[0] ?? {}, spans }
}

describe('without tracing', () => {
  test('a trace goes on byte for byte', async () => {
    const { fields } = await traced(null, { traceparent: given, tracestate: 'a=1' })
    expect([fields['traceparent'], fields['tracestate']]).toEqual([given, 'a=1'])
  })

  test('a malformed one does not, nor its state', async () => {
    const { fields } = await traced(null, { traceparent: 'no', tracestate: 'a=1' })
    expect([fields['traceparent'], fields['tracestate']]).toEqual([undefined, undefined])
  })
})

describe('with tracing', () => {
  test('the gateway and its call are spans of the trace that the caller keeps', async () => {
    const { fields, spans } = await traced(0, { traceparent: given, tracestate: 'a=1' })
    const call = parseTraceParent(fields['traceparent'] ?? '')
    expect(call).toMatchObject({ traceId, flags: 1 })
    expect(fields['tracestate']).toBe('a=1')
    const [own, child] = spans
    expect(own).toMatchObject({ traceId, parentId: spanId, kind: 'server', failed: false })
    expect(child).toMatchObject({ traceId, spanId: call?.spanId, parentId: own?.spanId, kind: 'client' })
    expect(own?.attributes).toMatchObject({ 'cutover.endpoint': 'digits', 'cutover.version': 'v1' })
  })

  test('a trace that its caller does not keep is passed on and not told', async () => {
    const dropped = `00-${traceId}-${spanId}-00`
    const { fields, spans } = await traced(1_000_000, { traceparent: dropped })
    expect([fields['traceparent'], spans]).toEqual([dropped, []])
  })

  test('a request without a trace begins one, for the share that is sampled', async () => {
    const all = await traced(1_000_000, { tracestate: 'a=1' })
    const begun = parseTraceParent(all.fields['traceparent'] ?? '')
    expect([begun !== null && isSampled(begun), all.fields['tracestate']]).toEqual([true, undefined])
    expect(all.spans[0]).toMatchObject({ parentId: null, traceId: begun?.traceId })
    await rig.close()
    const none = await traced(0, {})
    expect([none.fields['traceparent'], none.spans]).toEqual([undefined, []])
  })
})
