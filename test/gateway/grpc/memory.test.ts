/** What messages of all calls take together is bounded, whole or not, and is free again when they are over. */
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { wholeShare } from '../../../src/core/share.ts'
import { MessageFrames } from '../../../src/gateway/grpc/message-frames.ts'
import { echoing } from '../../support/echo-server.ts'
import { fleetsOf, instance, type Rig, startRig } from '../../support/gateway-rig.ts'
import { type GrpcCaller, grpcCaller, inferRequest } from '../../support/grpc-caller.ts'
import { framed, inferPath, openSession, rawCall } from '../../support/grpc-raw.ts'

const exhausted = 8
/** The part of one of so many workers: 128 KiB. */
const share = { index: 0, of: 4_096 }
const bytesMax = limits.grpcMessagesBytesMax / share.of

let rig: Rig
let caller: GrpcCaller
let port: number
afterEach(async () => {
  caller.close()
  await rig.close()
})

async function start(grpcShare = share): Promise<{ release(): void }> {
  const held = Promise.withResolvers<void>()
  let isHeld = true
  const server = instance(async request => {
    if (isHeld && request.path !== '/v2') await held.promise
    return echoing(['binary_tensor_data'])(request)
  })
  rig = await startRig({ fleets: fleetsOf({ v1: server }), options: { share, grpcShare } })
  port = (await rig.gateway.listenGrpc({ host: '127.0.0.1', port: 0 })).port
  caller = grpcCaller(port)
  return {
    release: () => {
      isHeld = false
      held.resolve()
    },
  }
}

const request = (bytes: number) =>
  inferRequest([{ datatype: 'UINT8', shape: [bytes] }], { raw_input_contents: [Buffer.alloc(bytes)] })
const inFlight = () => rig.gateway.stats().inFlight.reduce((sum, { count }) => sum + count, 0)

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 5))
}

const goesThrough = () =>
  caller.call('ModelInfer', request(40_000)).then(
    () => true,
    () => false,
  )

test('calls that wait for their answer count, the one too many is told so, and there is room again when they are over', async () => {
  const { release } = await start()
  const waiting = [40_000, 40_000, 40_000].map(bytes => caller.call('ModelInfer', request(bytes)))
  await until(() => inFlight() === 3)
  const refused = await caller.failure('ModelInfer', request(40_000))
  expect(refused).toMatchObject({ code: exhausted, details: expect.stringMatching(/^messages of all calls take more/) })
  expect(rig.gateway.stats().errors).toEqual([{ code: 'overloaded', count: 1 }])
  release()
  expect(await Promise.all(waiting)).toHaveLength(3)
  await until(goesThrough)
})

test('the one of many workers that serves gRPC has room for the longest message', async () => {
  const { release } = await start(wholeShare)
  release()
  const { message } = await caller.call('ModelInfer', request(2 * bytesMax))
  expect(message).toMatchObject({ raw_output_contents: [expect.anything()] })
})

test('so do messages that are not whole, of whoever never ends them', async () => {
  const { release } = await start()
  release()
  const session = await openSession(port)
  const slow = [1, 2].map(() => {
    const call = rawCall(session, inferPath)
    call.stream.write(framed(Buffer.alloc(60_000), { length: 1_000_000 }))
    return call
  })
  await until(async () => !(await goesThrough()))
  slow[0]?.stream.close(8)
  await until(goesThrough)
  session.destroy()
})

test('and what a packed message may become, before it is unpacked', async () => {
  const { release } = await start()
  release()
  const session = await openSession(port)
  const { stream, ended } = rawCall(session, inferPath, { 'grpc-encoding': 'gzip' })
  stream.end(framed(gzipSync(Buffer.alloc(10 * bytesMax)), { flag: 1 }))
  expect(await ended).toMatchObject({ status: 200, code: exhausted })
  await until(goesThrough)
  session.destroy()
})

test('one whose message is too much by itself hears so, and its stream is ended', async () => {
  await start()
  const session = await openSession(port)
  const { stream, ended } = rawCall(session, inferPath)
  stream.write(framed(Buffer.alloc(2 * bytesMax), { length: 10 * bytesMax }))
  expect(await ended).toMatchObject({ status: 200, code: exhausted })
  session.destroy()
})

test('a stream may say more in all, one message after the other', async () => {
  const { release } = await start()
  release()
  type Stream = AsyncIterable<{ error_message: string }> & { write(message: object): void; end(): void }
  const stream = (caller.client as unknown as { ModelStreamInfer(): Stream }).ModelStreamInfer()
  const answers: string[] = []
  stream.write(request(40_000))
  for await (const { error_message: error } of stream) {
    answers.push(error)
    if (answers.length < 12) stream.write(request(40_000))
    else stream.end()
  }
  expect(answers).toEqual(Array(12).fill(''))
})

describe('where messages begin and end', () => {
  const message = fc.record({ isPacked: fc.boolean(), bytes: fc.nat(30) })
  test('is the same however their bytes come', () => {
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.nat(500)), (messages, cuts) => {
        const bytes = Buffer.concat(
          messages.map(one => framed(Buffer.alloc(one.bytes, 1), { flag: one.isPacked ? 1 : 0 })),
        )
        const frames = new MessageFrames()
        const heard: { isPacked: boolean; bytes: number }[] = []
        let sum = 0
        const edges = [0, ...cuts.filter(cut => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
        for (const [at, end] of edges.slice(1).entries())
          frames.read(bytes.subarray(edges[at], end), (read, ended) => {
            sum += read
            if (ended !== null) heard.push(ended)
          })
        expect([heard, sum]).toEqual([messages, bytes.length])
      }),
    )
  })
})
