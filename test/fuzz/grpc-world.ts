/** A gateway over gRPC before a model that gives back what it gets, called by hand on HTTP/2 and by a client that does all well. */
import type { ClientHttp2Session } from 'node:http2'
import { gzipSync } from 'node:zlib'
import type { BackendRequest, BackendResponse } from '../../src/adapters/deployer/by-promise.ts'
import { echoAnswer, headerOf } from '../support/echo-server.ts'
import { fleetsOf, instance, startRig } from '../support/gateway-rig.ts'
import { grpcCaller } from '../support/grpc-caller.ts'
import { framed, openSession, type RawEnd, rawCall } from '../support/grpc-raw.ts'
import { cutAt, cutsOf } from './fuzzer.ts'
import type { Sent } from './grpc-bytes.ts'
import type { InferResponse } from './grpc-reference.ts'

export type GrpcWorld = {
  /** Sends what it says and waits for the end; null where there is none. */
  send(sent: Sent): Promise<RawEnd | null>
  /** What a client that does all well gets for a sound request. */
  ask(request: object): Promise<InferResponse>
  /** What is still there of calls that are over, or was told to the log; null for nothing. */
  leftover(): Promise<string | null>
  close(): Promise<void>
}

/** Whatever takes longer hangs. */
const hangMs = 10_000
/** The memory of messages that is there is small, so that what is not given back is soon missed: 8 MB. */
const share = { index: 0, of: 64 }

export async function createGrpcWorld(): Promise<GrpcWorld> {
  let noted: string | null = null
  const note = (told: object, text: string) => {
    noted = `${text}: ${'err' in told ? String((told.err as Error).stack) : ''}`
  }
  const rig = await startRig({
    fleets: fleetsOf({ v1: instance(echo, { id: 'v1' }), v2: instance(echo, { id: 'v2' }) }),
    options: { share, logger: { warn: note, error: note } },
  })
  const { port } = await rig.gateway.listenGrpc({ host: '127.0.0.1', port: 0 })
  const caller = grpcCaller(port)
  let session: ClientHttp2Session | null = null
  const sessionNow = async () => {
    // A peer that resets many streams may be sent away; a new connection is as good.
    if (session === null || session.closed || session.destroyed) session = await openSession(port)
    return session
  }
  const inFlight = () => rig.gateway.stats().inFlight.reduce((sum, { count }) => sum + count, 0)
  return {
    send: async sent => {
      const { stream, ended } = rawCall(await sessionNow(), sent.path, encodingOf(sent))
      const bytes = bytesOf(sent)
      for (const piece of piecesOf(sent, bytes)) {
        if (stream.destroyed || stream.writableEnded) break
        stream.write(piece)
        await new Promise(resolve => setImmediate(resolve))
      }
      if (sent.ending === 'reset') stream.close(8)
      else if (sent.ending === 'open') setTimeout(() => stream.close(8), 20)
      else if (!stream.destroyed) stream.end()
      const { promise: hangs, resolve } = Promise.withResolvers<null>()
      const timer = setTimeout(resolve, hangMs, null)
      const end = await Promise.race([ended, hangs])
      clearTimeout(timer)
      return end
    },
    ask: async request => (await caller.call('ModelInfer', request)).message as InferResponse,
    leftover: async () => {
      for (const untilMs = Date.now() + hangMs; inFlight() > 0; await new Promise(resolve => setImmediate(resolve)))
        if (Date.now() > untilMs) return 'a call stays in flight after it is over'
      rig.recorder.records.length = 0
      const before = noted
      noted = null
      return before
    },
    close: async () => {
      session?.destroy()
      caller.close()
      await rig.close()
    },
  }
}

function encodingOf({ framing, head }: Sent): Readonly<Record<string, string>> {
  return framing === 'packed' || framing === 'packed-badly' ? { ...head, 'grpc-encoding': 'gzip' } : head
}

function bytesOf({ framing, message }: Sent): Buffer {
  switch (framing) {
    case 'proper':
      return framed(message)
    case 'several':
      return Buffer.concat([framed(message), framed(message.subarray(0, message.length >> 1)), framed(message)])
    case 'raw':
      return message
    case 'longer':
      return framed(message, { length: message.length + 3 })
    case 'shorter':
      return framed(message, { length: Math.max(0, message.length - 3) })
    case 'huge':
      return framed(message, { length: 0xffffffff })
    case 'packed':
      return framed(gzipSync(message), { flag: 1 })
    case 'packed-badly':
      return framed(message, { flag: 1 })
    case 'odd-flag':
      return framed(message, { flag: 7 })
    case 'empty-before':
      return Buffer.concat([framed(Buffer.alloc(0)), framed(message)])
  }
}

function piecesOf({ ending, message }: Sent, bytes: Buffer): Buffer[] {
  if (ending === 'bytewise' && bytes.length < 400) return Array.from(bytes, byte => Buffer.from([byte]))
  if (ending === 'cut' || ending === 'bytewise') return cutAt(bytes, cutsOf(bytes, 6))
  return ending === 'reset' ? [bytes.subarray(0, (message[0] ?? 0) % (bytes.length + 1))] : [bytes]
}

/** The JSON is not parsed, so that a number of 64 bits stays what it is. */
function echo(request: BackendRequest): BackendResponse {
  if (request.path === '/v2') {
    const body = Buffer.from('{"name":"echo","version":"1","extensions":["binary_tensor_data"]}')
    return { status: 200, headers: ['content-type', 'application/json'], body }
  }
  const stated = headerOf(request, 'inference-header-content-length')
  const body = Buffer.from((request.body as Uint8Array | null) ?? [])
  const length = stated === null ? body.length : Number(stated)
  // The outputs that were asked for are no outputs.
  const json = Buffer.from(body.toString('utf8', 0, length).replace('"outputs":[', '"asked":['))
  return echoAnswer(Buffer.concat([json, body.subarray(length)]), stated === null ? null : String(json.length))
}
