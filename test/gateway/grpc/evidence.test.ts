/** What is copied and kept of calls over gRPC, so that releases are judged by them as by requests over REST. */
import { expect, onTestFinished, test } from 'vitest'
import type { BackendRequest } from '../../../src/adapters/deployer/by-promise.ts'
import { readFeatures } from '../../../src/core/features.ts'
import { echoing, headerOf } from '../../support/echo-server.ts'
import { endpoint, fleetsOf, instance, type Rig, sole, startRig } from '../../support/gateway-rig.ts'
import { grpcCaller, inferRequest } from '../../support/grpc-caller.ts'
import { mirror, mirrored } from '../mirror/rig.ts'

const raw = Buffer.from(new Int16Array([7, -8]).buffer)
const packed = inferRequest([{ name: 'x', datatype: 'INT16', shape: [1, 2] }], { raw_input_contents: [raw] })

async function calling(setup: Parameters<typeof startRig>[0], request = packed): Promise<Rig> {
  const rig = await startRig(setup)
  onTestFinished(() => rig.close())
  const { port } = await rig.gateway.listenGrpc({ host: '127.0.0.1', port: 0 })
  const caller = grpcCaller(port)
  onTestFinished(() => caller.close())
  await caller.call('ModelInfer', request)
  return rig
}

const bodyOf = ({ body }: BackendRequest) => Buffer.from(body as Uint8Array)

/** A champion and a challenger, and what they were asked without the question for their extensions. */
async function shadowed(challengerTakes: readonly string[]) {
  const [champion, challenger]: [BackendRequest[], BackendRequest[]] = [[], []]
  const fleets = fleetsOf({
    v1: instance(echoing(['binary_tensor_data'], champion)),
    v2: instance(echoing(challengerTakes, challenger)),
  })
  const rig = await calling({ fleets, table: mirrored([mirror()], sole()) })
  const records = await rig.recorder.recorded(2)
  const infer = (asked: readonly BackendRequest[]) => asked.filter(({ path }) => path !== '/v2')
  return { records, champion: infer(champion), challenger: infer(challenger) }
}

test('a challenger gets the same bytes, and its answer is recorded', async () => {
  const { records, champion, challenger } = await shadowed(['binary_tensor_data'])
  expect(challenger.map(bodyOf)).toEqual(champion.map(bodyOf))
  expect(challenger.map(one => headerOf(one, 'inference-header-content-length'))).toEqual(
    champion.map(one => headerOf(one, 'inference-header-content-length')),
  )
  expect(records.map(({ version, status }) => [version, status])).toEqual([
    ['v1', 200],
    ['v2', 200],
  ])
})

test('a challenger that takes no bytes makes both be asked in JSON', async () => {
  const { champion, challenger } = await shadowed([])
  expect([...champion, ...challenger].map(one => headerOf(one, 'content-type'))).toEqual([
    'application/json',
    'application/json',
  ])
})

test('bodies are kept as the model server had them, with what is needed to send and to read them again', async () => {
  const features = { second: { source: { from: 'input', tensor: 'x', index: 1 }, type: 'number' } } as const
  const spec = endpoint({ payloadSamplePpm: 1_000_000, features })
  const rig = await calling({ fleets: fleetsOf({ v1: instance(echoing(['binary_tensor_data'])) }), spec })
  const [record] = await rig.recorder.recorded(1)
  const { asked, payload } = record ?? {}
  expect(payload?.sent).toEqual({
    method: 'POST',
    path: '/v2/models/digits/infer',
    headers: [
      ['content-type', 'application/octet-stream'],
      ['inference-header-content-length', String(asked?.jsonBytes)],
    ],
  })
  const body = payload?.request ?? new Uint8Array()
  expect(readFeatures({ body, jsonBytes: asked?.jsonBytes ?? null, features })).toEqual({
    features: { second: -8 },
    isMalformed: false,
  })
})
