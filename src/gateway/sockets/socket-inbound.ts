/** A plain request, read on a socket: its body is at hand, or passes by if it is long or its length unknown. */
import { Buffer } from 'node:buffer'
import { joinedField } from '../../core/http/field-lines.ts'
import type { RequestHead } from '../../core/http/request-head.ts'
import { type BodyMemory, HeldBody } from '../body-memory.ts'
import type { BodyKind, BodyReader, Inbound } from '../inbound.ts'
import { tooLarge } from '../request-body.ts'
import type { ComingBody } from './coming-body.ts'

export class SocketInbound implements Inbound {
  readonly httpVersion = '1.1'
  readonly isVetted = true
  readonly method: string
  readonly target: string
  readonly remoteAddress: string
  readonly passedOn: string
  readonly mayHaveOwnFields: boolean
  readonly mayHaveTrace: boolean
  readonly bodyInHand: Buffer | null
  readonly #lines: string
  readonly #nameLengths: number
  readonly #coming: ComingBody | null
  readonly #memory: BodyMemory
  #heldBody: HeldBody | null = null
  #lower: string | null = null

  constructor(
    head: RequestHead,
    body: Buffer | ComingBody | null,
    { remoteAddress, memory }: { remoteAddress: string; memory: BodyMemory },
  ) {
    this.method = head.method
    this.target = head.target
    this.passedOn = head.passedOn
    this.mayHaveOwnFields = head.hasOwnFields
    this.mayHaveTrace = head.hasTrace
    this.remoteAddress = remoteAddress
    this.#memory = memory
    this.bodyInHand = Buffer.isBuffer(body) ? body : null
    this.#coming = Buffer.isBuffer(body) ? null : body
    this.#lines = head.lines
    this.#nameLengths = head.nameLengths
  }

  get statedBytes(): number | null {
    return this.#coming === null ? (this.bodyInHand?.length ?? 0) : this.#coming.bytes
  }

  get bodyKind(): BodyKind {
    if (this.#coming !== null) return 'long'
    return this.bodyInHand === null ? 'none' : 'short'
  }

  field(lowerName: string): string | undefined {
    if (((this.#nameLengths >>> lowerName.length) & 1) === 0) return undefined
    this.#lower ??= this.#lines.toLowerCase()
    return joinedField(this.#lines, this.#lower, lowerName)
  }

  wholeBody(bytesMax: number): Promise<Buffer> {
    if ((this.statedBytes ?? 0) > bytesMax) return Promise.reject(tooLarge(bytesMax))
    if (this.#coming === null) return Promise.resolve(this.bodyInHand ?? Buffer.alloc(0))
    this.#heldBody ??= new HeldBody(this.#memory)
    return gathered(this.#coming, bytesMax, this.#heldBody)
  }

  readBody(reader: BodyReader, bytesMax: number): void {
    if (this.#coming !== null && (this.statedBytes ?? 0) <= bytesMax) {
      this.#coming.read(reader, bytesMax)
      return
    }
    this.wholeBody(bytesMax).then(body => {
      if (body.length > 0) reader.onBodyChunk(body)
      reader.onBodyEnd()
    }, reader.onBodyFail.bind(reader))
  }

  /** The request is over. */
  release(): void {
    this.#heldBody?.release()
  }

  pauseBody(): void {
    this.#coming?.pause()
  }

  resumeBody(): void {
    this.#coming?.resume()
  }
}

function gathered(coming: ComingBody, bytesMax: number, held: HeldBody): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // No memory is set aside for what was only promised.
    const reader: BodyReader = {
      onBodyChunk: chunk => {
        try {
          held.add(chunk)
        } catch (error) {
          coming.drop()
          reject(error)
        }
      },
      onBodyEnd: () => resolve(held.whole()),
      onBodyFail: reject,
    }
    coming.read(reader, bytesMax)
  })
}
