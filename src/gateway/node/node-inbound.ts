/** A request that node:http has read. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CutoverError } from '../../core/errors.ts'
import { tokensOf } from '../../core/http/chars.ts'
import { linesOf } from '../../core/http/field-lines.ts'
import { connectionFields, hopRequestFields, isOwnField } from '../../core/http-fields.ts'
import { limits } from '../../core/limits.ts'
import { type BodyMemory, HeldBody } from '../body-memory.ts'
import { asCutoverError } from '../errors.ts'
import type { BodyKind, BodyReader, Inbound } from '../inbound.ts'
import { callerLeft, tooLarge } from '../request-body.ts'

export class NodeInbound implements Inbound {
  readonly mayHaveOwnFields = true
  readonly mayHaveTrace = true
  readonly bodyInHand = null
  readonly isVetted = false
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #memory: BodyMemory
  #passedOn: string | null = null
  #stopReading: (() => void) | null = null

  constructor(req: IncomingMessage, res: ServerResponse, memory: BodyMemory) {
    this.#req = req
    this.#res = res
    this.#memory = memory
  }

  get method(): string {
    return this.#req.method ?? 'GET'
  }

  get target(): string {
    return this.#req.url ?? ''
  }

  get httpVersion(): '1.0' | '1.1' {
    return this.#req.httpVersion === '1.0' ? '1.0' : '1.1'
  }

  get remoteAddress(): string {
    return this.#req.socket.remoteAddress ?? 'unknown'
  }

  get passedOn(): string {
    this.#passedOn ??= passedOnLines(this.#req)
    return this.#passedOn
  }

  field(lowerName: string): string | undefined {
    if (!Object.hasOwn(this.#req.headers, lowerName)) return undefined
    const value = this.#req.headers[lowerName]
    return Array.isArray(value) ? value.join(', ') : value
  }

  get statedBytes(): number | null {
    const stated = this.#req.headers['content-length']
    return stated === undefined ? null : Number(stated)
  }

  get bodyKind(): BodyKind {
    if (this.#req.headers['transfer-encoding'] !== undefined) return 'long'
    const bytes = this.statedBytes ?? 0
    if (bytes === 0) return 'none'
    return bytes <= limits.wholeBodyBytesMax ? 'short' : 'long'
  }

  wholeBody(bytesMax: number): Promise<Buffer> {
    const held = new HeldBody(this.#memory)
    this.#res.once('close', () => held.release())
    return new Promise((resolve, reject) => {
      this.readBody(
        { onBodyChunk: chunk => held.add(chunk), onBodyEnd: () => resolve(held.whole()), onBodyFail: reject },
        bytesMax,
      )
    })
  }

  readBody(reader: BodyReader, bytesMax: number): void {
    const req = this.#req
    askForBody(req, this.#res)
    let bytes = 0
    const settle = (act: () => void) => {
      stop()
      act()
    }
    const fail = (error: CutoverError) => settle(() => reader.onBodyFail(error))
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bytesMax) fail(tooLarge(bytesMax))
      else handOn(chunk)
    }
    const handOn = (chunk: Buffer) => {
      try {
        reader.onBodyChunk(chunk)
      } catch (thrown) {
        // There is no room for it.
        fail(asCutoverError(thrown))
      }
    }
    const onEnd = () => settle(() => reader.onBodyEnd())
    const onClose = () => fail(callerLeft())
    const stop = () => {
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      this.#stopReading = null
    }
    this.#stopReading = stop
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  }

  pauseBody(): void {
    if (this.#stopReading !== null) this.#req.pause()
  }

  resumeBody(): void {
    if (this.#stopReading !== null) this.#req.resume()
  }

  /** What is still to come of the body belongs to nobody any more. */
  abandonBody(): void {
    this.#stopReading?.()
  }
}

/** Whether the caller still waits for a `100 Continue` before it sends its body; HTTP/1.0 knows none. */
export function awaitsContinue(req: IncomingMessage): boolean {
  return req.httpVersion === '1.1' && req.headers.expect !== undefined && !req.complete
}

/**
 * Asks for the body, if the caller waits to be asked. From then on it is on its way like any other. One that has come
 * unasked is asked for too: Node ends a connection on which it has not answered an expectation.
 */
function askForBody(req: IncomingMessage, res: ServerResponse): void {
  if (req.httpVersion !== '1.1' || req.headers.expect === undefined) return
  delete req.headers.expect
  res.writeContinue()
}

function passedOnLines(req: IncomingMessage): string {
  const raw = req.rawHeaders
  const named = namedByConnection(req.headers.connection)
  const kept: string[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? ''
    const lower = name.toLowerCase()
    if (connectionFields.has(lower) || hopRequestFields.has(lower) || named.has(lower)) continue
    if (lower !== 'content-length' && !isOwnField(lower)) kept.push(name, raw[at + 1] ?? '')
  }
  return linesOf(kept)
}

const none: ReadonlySet<string> = new Set()

function namedByConnection(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return none
  return new Set(tokensOf(connection))
}
