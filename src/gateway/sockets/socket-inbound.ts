/** A plain request, read on a socket: its body, if any, is at hand. */
import { joinedField } from '../../core/http/field-lines.ts'
import type { RequestHead } from '../../core/http/request-head.ts'
import type { BodyKind, BodyReader, Inbound } from '../inbound.ts'
import { tooLarge } from '../request-body.ts'

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
  #lower: string | null = null

  constructor(head: RequestHead, body: Buffer | null, remoteAddress: string) {
    this.method = head.method
    this.target = head.target
    this.passedOn = head.passedOn
    this.mayHaveOwnFields = head.hasOwnFields
    this.mayHaveTrace = head.hasTrace
    this.remoteAddress = remoteAddress
    this.bodyInHand = body
    this.#lines = head.lines
    this.#nameLengths = head.nameLengths
  }

  get statedBytes(): number {
    return this.bodyInHand?.length ?? 0
  }

  get bodyKind(): BodyKind {
    return this.bodyInHand === null ? 'none' : 'short'
  }

  field(lowerName: string): string | undefined {
    if (((this.#nameLengths >>> lowerName.length) & 1) === 0) return undefined
    this.#lower ??= this.#lines.toLowerCase()
    return joinedField(this.#lines, this.#lower, lowerName)
  }

  wholeBody(bytesMax: number): Promise<Buffer> {
    const body = this.bodyInHand ?? Buffer.alloc(0)
    return body.length > bytesMax ? Promise.reject(tooLarge(bytesMax)) : Promise.resolve(body)
  }

  readBody(reader: BodyReader, bytesMax: number): void {
    this.wholeBody(bytesMax).then(body => {
      if (body.length > 0) reader.onBodyChunk(body)
      reader.onBodyEnd()
    }, reader.onBodyFail.bind(reader))
  }

  pauseBody(): void {}

  resumeBody(): void {}
}
