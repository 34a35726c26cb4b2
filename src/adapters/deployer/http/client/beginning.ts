import type { ResponseHead } from '../../../../core/http/response-head.ts'
import type { Call } from './call.ts'

/**
 * The beginning of a chunked answer, for as long as the portion that it came in is read: where that turns out to be malformed
 * there was no answer, and the caller can be told so.
 */
export class Beginning {
  readonly #bodyBytes: number | null
  /** Views of the portion. */
  readonly #pieces: Buffer[] = []
  #isWhole = false

  constructor(bodyBytes: number | null) {
    this.#bodyBytes = bodyBytes
  }

  add(piece: Buffer, isLast: boolean): void {
    this.#pieces.push(piece)
    this.#isWhole = isLast
  }

  tell(call: Call, { status, fields }: ResponseHead): void {
    const last = this.#isWhole ? this.#pieces.length - 1 : -1
    call.answered(status, fields, this.#bodyBytes)
    for (const [at, piece] of this.#pieces.entries()) call.heard(piece, at === last)
  }
}
