/** A caller's request that was served, as the copies of it share it. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import type { RawPrediction } from '../../ports/recorder.ts'
import type { BodyCopy } from './body-copy.ts'

/** What a shadow has in common with the champion's prediction. */
export type Champion = Pick<
  RawPrediction,
  'id' | 'endpoint' | 'epoch' | 'release' | 'unit' | 'propensity' | 'pinned' | 'byContext' | 'read'
>

export type Asked = {
  readonly method: string
  readonly path: string
  readonly isVetted: boolean
  /** The lines that the champion got. */
  readonly fields: string
  readonly body: Uint8Array | null
}

export class Original {
  readonly spec: EndpointSpec
  readonly champion: Champion
  readonly asked: Asked
  /** Whether bodies are kept, of this request as of its copies. */
  readonly keepsPayload: boolean
  /** Of a copy's answer: reading more would take from callers what the gateway has for them. */
  readonly answerBytesMax: number
  readonly bodyBytes: number
  readonly #body: BodyCopy
  #copiesLeft: number

  constructor(
    spec: EndpointSpec,
    request: { asked: Asked; body: BodyCopy },
    served: { champion: Champion; keepsPayload: boolean; answerBytesMax: number },
    copies: number,
  ) {
    this.spec = spec
    this.asked = request.asked
    this.bodyBytes = request.body.bytes
    this.#body = request.body
    this.champion = served.champion
    this.keepsPayload = served.keepsPayload
    this.answerBytesMax = served.answerBytesMax
    this.#copiesLeft = copies
  }

  /** One of its copies is over: with the last the memory of the body is given back. */
  release(): void {
    this.#copiesLeft -= 1
    if (this.#copiesLeft === 0) this.#body.release()
  }
}

/** Nothing of its bodies: those are not to be held as long as copies wait. */
export function championOf(prediction: RawPrediction): Champion {
  const { id, endpoint, epoch, release, unit, propensity, pinned, byContext, read } = prediction
  const champion: Champion = { id, endpoint, epoch, release, unit, propensity, pinned }
  if (byContext !== undefined) champion.byContext = byContext
  if (read !== undefined) champion.read = read
  return champion
}
