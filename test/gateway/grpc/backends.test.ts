/** gRPC in front of what runs models: a real ONNX model in its thread, and a model server behind a socket. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createDeployer } from '../../../src/adapters/deployer/deployer.ts'
import type { Backend } from '../../../src/core/endpoint.ts'
import type { Instance } from '../../../src/ports/backend.ts'
import {
  closing,
  collectReports,
  fastClock,
  pick,
  silentLogger,
  temporaryFile,
  version,
} from '../../adapters/deployer/support.ts'
import { identityModel } from '../../fixtures/onnx-model.ts'
import { echoAnswer, echoing } from '../../support/echo-server.ts'
import { fleetsOf, instance, type Rig, startRig } from '../../support/gateway-rig.ts'
import { type GrpcCaller, grpcCaller, inferRequest } from '../../support/grpc-caller.ts'
import { ask } from '../../support/http-caller.ts'

const digits = join(import.meta.dirname, '../../../examples/digits')

async function running(backend: Backend): Promise<Instance> {
  const reports = collectReports()
  const deployer = closing(createDeployer({ clock: fastClock(20), logger: silentLogger, report: reports.report }))
  deployer.ensure({ endpoint: 'digits', version: version('v1', backend), readyTimeoutMs: 600_000 })
  await reports.next('ready')
  return pick(deployer, 'v1')
}

async function served(one: Instance): Promise<{ caller: GrpcCaller; port: number; rig: Rig }> {
  const rig = await startRig({ fleets: fleetsOf({ v1: one }) })
  onTestFinished(() => rig.close())
  const { port } = await rig.gateway.listenGrpc({ host: '127.0.0.1', port: 0 })
  const caller = grpcCaller(port)
  onTestFinished(() => caller.close())
  return { caller, port: rig.port, rig }
}

type Output = { name: string; datatype: string; shape: string[]; contents: Record<string, unknown[]> | null }

test('a model of digits gives the same over gRPC, typed and raw, as over REST', async () => {
  const { caller, port } = await served(await running({ kind: 'onnx', path: join(digits, 'models/v1.onnx') }))
  const { inputs } = (await caller.call('ModelMetadata', { name: 'digits' })).message as { inputs: { name: string }[] }
  const name = inputs[0]?.name ?? ''
  const image = Float32Array.from({ length: 64 }, (_, at) => at % 17)
  const input = { name, datatype: 'FP32', shape: [1, 64] }

  const rest = await ask(port, {
    path: '/v2/models/digits/infer',
    body: JSON.stringify({ inputs: [{ ...input, data: [...image] }] }),
  })
  const told = (rest.json() as { outputs: { name: string; datatype: string; shape: number[]; data: number[] }[] })
    .outputs
  const typed = await caller.call('ModelInfer', inferRequest([{ ...input, contents: { fp32_contents: [...image] } }]))
  const outputs = typed.message['outputs'] as Output[]
  expect(outputs.map(one => [one.name, one.datatype, one.shape.map(Number)])).toEqual(
    told.map(one => [one.name, one.datatype, one.shape]),
  )
  const values = outputs.map(({ contents }) => Object.values(contents ?? {}).find(list => list.length > 0) ?? [])
  expect(values.map(list => list.map(Number))).toEqual(told.map(({ data }) => data.flat().map(Math.fround)))

  const raw = Buffer.from(image.buffer)
  const answer = await caller.call('ModelInfer', inferRequest([input], { raw_input_contents: [raw] }))
  const bytes = answer.message['raw_output_contents'] as Buffer[]
  expect(answer.message['outputs']).toMatchObject(outputs.map(one => ({ name: one.name, contents: null })))
  const floats = told.findIndex(one => one.datatype === 'FP32')
  const packed = bytes[floats] ?? Buffer.alloc(0)
  expect([...new Float32Array(new Uint8Array(packed).buffer)]).toEqual(told[floats]?.data.flat().map(Math.fround))
})

test.each([
  ['FP16', Buffer.from([0x00, 0x3c, 0x00, 0x7e])],
  ['FP32', Buffer.from(new Float32Array([Number.NaN, Number.POSITIVE_INFINITY]).buffer)],
  ['UINT64', Buffer.alloc(16, 0xfe)],
] as const)('an ONNX model takes %s raw, bit by bit', async (datatype, bytes) => {
  const path = temporaryFile('model.onnx', identityModel(datatype), onTestFinished)
  const { caller } = await served(await running({ kind: 'onnx', path }))
  const request = inferRequest([{ name: 'x', datatype, shape: [2] }], { raw_input_contents: [bytes] })
  const { message } = await caller.call('ModelInfer', request)
  expect(message['raw_output_contents']).toEqual([bytes])
})

test('what an ONNX model refuses is the caller’s fault, in its sentence', async () => {
  const path = temporaryFile('model.onnx', identityModel('FP32'), onTestFinished)
  const { caller } = await served(await running({ kind: 'onnx', path }))
  const wrong = inferRequest([{ name: 'z', datatype: 'FP32', shape: [1], contents: { fp32_contents: [1] } }])
  expect(await caller.failure('ModelInfer', wrong)).toMatchObject({ code: 3, details: /there is no input "z"/ })
})

async function modelServer(extensions: readonly string[]): Promise<string> {
  const server = createServer(async (req, res) => {
    const body = await buffer(req)
    const jsonBytes = req.headers['inference-header-content-length']
    const isInfer = req.url === '/v2/models/digits/infer'
    const {
      status,
      headers,
      body: answer,
    } = isInfer
      ? echoAnswer(body, typeof jsonBytes === 'string' ? jsonBytes : null)
      : echoing(extensions)({ path: '/v2' } as Parameters<ReturnType<typeof echoing>>[0])
    res.writeHead(status, [...headers]).end(answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.each([
  ['that takes tensors as bytes', ['binary_tensor_data']],
  ['that takes JSON alone', []],
])('a model server %s gets a long tensor whole, and gives it back', async (_name, extensions) => {
  const ready = { path: '/v2', timeoutMs: 1_000, unknownIsReady: false }
  const address = await modelServer(extensions)
  const { caller } = await served(await running({ kind: 'url', addresses: [address], ready }))
  const bytes = Buffer.alloc(1_000_000)
  for (let at = 0; at < bytes.length; at += 4) bytes.writeInt32LE((at * 2_654_435_761) | 0, at)
  const request = inferRequest([{ datatype: 'INT32', shape: [250, 1000] }], { raw_input_contents: [bytes] })
  const { message } = await caller.call('ModelInfer', request)
  expect((message['raw_output_contents'] as Buffer[])[0]?.equals(bytes)).toBe(true)
})

test('an answer that is longer than messages may be ends the call and the work, and is the version’s failure', async () => {
  let cancelled = false
  const endless = instance(({ signal }) => {
    signal.addEventListener('abort', () => {
      cancelled = true
    })
    const chunk = Buffer.alloc(1024 * 1024, 0x20)
    const body = new Readable({
      read() {
        this.push(chunk)
      },
    })
    return { status: 200, headers: [], body }
  })
  const { caller, rig } = await served(endless)
  const request = inferRequest([{ datatype: 'FP32', shape: [1], contents: { fp32_contents: [1] } }])
  expect(await caller.failure('ModelInfer', request)).toMatchObject({ details: /longer than 67108864 bytes/ })
  expect(cancelled).toBe(true)
  expect(await rig.recorder.recorded(1)).toMatchObject([{ version: 'v1', failed: true }])
  expect(rig.gateway.stats().errors).toEqual([{ code: 'backend-failed', count: 1 }])
})
