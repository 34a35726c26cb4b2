/**
 * Bounds what the messages of all gRPC calls take together, from their first byte until they have been answered. grpc-js bounds
 * one message alone, and keeps as many as there are calls.
 */
import type { Duplex } from 'node:stream'
import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor } from '@grpc/grpc-js'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { MessageFrames } from './message-frames.ts'
import type { InferCall } from './rpcs.ts'
import { grpcCodes } from './status.ts'

/** What a piece of a message, or a message, takes at least, however few its bytes are: objects are kept for each. */
const leastBytes = 512
/** A byte that is packed becomes at most so many (deflate, and gzip around it). */
const unpackedMax = 1_032

export type MessageMemory = {
  bytesMax: number
  /** How long a message may be on its way, from its first byte to its last. */
  messageMs: number
  onRefused(error: CutoverError): void
}

export function boundMessages(memory: MessageMemory): ServerInterceptor {
  const all = { bytes: 0 }
  return (_method, call) => {
    const held = new HeldMessages(all)
    const stream = streamOf(call)
    let late: NodeJS.Timeout | undefined
    const refuse = (code: number, error: CutoverError): void => {
      if (held.isRefused) return
      held.isRefused = true
      memory.onRefused(error)
      call.sendStatus({ code, details: error.message })
      // What has come of it stays in memory until its stream has ended, which its caller may never do.
      setImmediate(() => stream.close())
    }
    const refuseLate = () => refuse(grpcCodes.deadlineExceeded, tooLate(memory.messageMs))
    stream.on('data', (chunk: Buffer) => {
      held.add(chunk)
      if (all.bytes > memory.bytesMax) refuse(grpcCodes.resourceExhausted, tooMuch(memory.bytesMax))
      if (held.isAmid) late ??= setTimeout(refuseLate, memory.messageMs)
      else {
        clearTimeout(late)
        late = undefined
      }
    })
    stream.once('close', () => {
      clearTimeout(late)
      held.releaseAll()
    })
    return new ServerInterceptingCall(call, {
      start: next =>
        next({
          onReceiveMessage: (message: Partial<InferCall>, pass) => {
            held.unpacked(message.bytes?.length ?? null)
            pass(message)
          },
        }),
      sendMessage: (message, pass) => {
        held.answered()
        pass(message)
      },
    })
  }
}

type Stream = Duplex & { close(): void }

/** grpc-js tells nothing of a message before all of it has come; the stream that its call reads from is not in its types. */
function streamOf(call: ServerInterceptingCallInterface): Stream {
  const { stream } = call as ServerInterceptingCallInterface & { stream?: Stream }
  if (stream === undefined) throw new Error('a call of this grpc-js has no stream')
  return stream
}

function tooMuch(bytesMax: number): CutoverError {
  const megabytes = Math.round(bytesMax / 1024 / 1024)
  return new CutoverError('overloaded', `messages of all calls take more than ${megabytes} MB; try again later`)
}

function tooLate(messageMs: number): CutoverError {
  return new CutoverError('invalid-request', `a message did not arrive within ${messageMs} ms`)
}

/** Of one call. Messages are answered in the order in which they came. */
class HeldMessages {
  isRefused = false
  readonly #all: { bytes: number }
  readonly #frames = new MessageFrames()
  /** Of each whole message that is not answered, oldest first. */
  readonly #whole: number[] = []
  /** How many of these have been unpacked and handed on. */
  #unpacked = 0
  /** Of the message that is being received. */
  #part = 0
  #isReleased = false

  constructor(all: { bytes: number }) {
    this.#all = all
  }

  /** A message has begun and is not whole. */
  get isAmid(): boolean {
    return this.#frames.isAmid
  }

  add(chunk: Buffer): void {
    this.#charge(leastBytes)
    this.#part += leastBytes
    this.#frames.read(chunk, (bytes, ended) => {
      this.#charge(bytes)
      this.#part += bytes
      if (ended !== null) this.#end(ended)
    })
  }

  #end({ isPacked, bytes }: { isPacked: boolean; bytes: number }): void {
    const unpacked = isPacked ? Math.min(limits.inferenceBodyBytesMax, bytes * unpackedMax) : 0
    this.#charge(leastBytes + unpacked)
    this.#whole.push(this.#part + leastBytes + unpacked)
    this.#part = 0
  }

  /** The next message is plain now. Null where that is not known, for those that are short. */
  unpacked(bytes: number | null): void {
    const at = this.#unpacked
    this.#unpacked += 1
    const before = this.#whole[at]
    if (bytes === null || before === undefined) return
    this.#whole[at] = leastBytes + bytes
    this.#charge(leastBytes + bytes - before)
  }

  answered(): void {
    const bytes = this.#whole.shift()
    if (bytes === undefined) return
    this.#unpacked -= 1
    this.#charge(-bytes)
  }

  releaseAll(): void {
    this.#charge(-this.#whole.reduce((sum, bytes) => sum + bytes, this.#part))
    this.#isReleased = true
  }

  #charge(bytes: number): void {
    if (!this.#isReleased) this.#all.bytes += bytes
  }
}
