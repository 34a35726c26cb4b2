/** Packs predictions into one buffer as they come: no object of a prediction outlives the call. */
import { type Prediction, shadowIdOf } from '../../core/prediction.ts'
import {
  aligned,
  answerForms,
  doubles,
  flags,
  header,
  headerBytes,
  type Kind,
  type Rest,
  recordBytes,
  words,
} from './layout.ts'

const firstCapacity = 256 * 1024
/** A greater buffer is not kept for the next predictions. */
const keptCapacityMax = 8 * 1024 * 1024
/** Kinds of one endpoint that are looked through; a further one may be written twice, which costs a few bytes. */
const kindsCompared = 64

/** What is read of the bodies that a prediction came with. */
export type ReadOfBodies = Pick<Prediction, 'answer' | 'scores' | 'features'>
type Recorded = Omit<Prediction, keyof ReadOfBodies> & { madeId?: boolean; leftPayload?: boolean }

export class PredictionPacker {
  #bytes: Uint8Array<ArrayBuffer>
  #words: Uint32Array<ArrayBuffer>
  #doubles: Float64Array<ArrayBuffer>
  #spare: ArrayBuffer | null = null
  #end = headerBytes
  #count = 0
  #anyPayload = 0
  #kinds: Kind[] = []
  /** Numbers of the kinds by endpoint, the newest last. */
  #byEndpoint = new Map<string, number[]>()

  constructor() {
    const buffer = new ArrayBuffer(firstCapacity)
    this.#bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#doubles = new Float64Array(buffer)
  }

  get count(): number {
    return this.#count
  }

  get byteLength(): number {
    return this.#end
  }

  /** `read`: what was read of its bodies, where that is not in it. */
  add(prediction: Recorded, read: ReadOfBodies): void {
    const { id, unit, payload, shadowOf } = prediction
    const isNamedShadow = shadowOf !== undefined && id === shadowIdOf(shadowOf, prediction.version)
    const { form, number, text } = answerOf(read)
    const rest = restOf(prediction, read, isNamedShadow)
    const bodies = payload === null ? 0 : payload.request.byteLength + payload.response.byteLength
    const start = this.#end
    // A character takes three bytes at most.
    this.#reserve(start + recordBytes + 3 * (id.length + unit.length + text.length + rest.length) + bodies + 8)

    const [bytes, word] = [this.#bytes, start >>> 2]
    let at = start + recordBytes
    const idBytes = writeText(bytes, at, id)
    at += idBytes
    const unitBytes = writeText(bytes, at, unit)
    at += unitBytes
    const isAscii = idBytes === id.length && unitBytes === unit.length
    const answerBytes = text === '' ? 0 : writeText(bytes, at, text)
    at += answerBytes
    const restBytes = rest === '' ? 0 : writeText(bytes, at, rest)
    at += restBytes

    const numbers = this.#words
    numbers[word + words.kind] = this.#kindOf(prediction)
    numbers[word + words.flags] =
      form |
      (isAscii ? flags.isAscii : 0) |
      (payload === null ? 0 : flags.hasPayload) |
      (shadowOf === undefined ? 0 : flags.isShadow) |
      (isNamedShadow ? flags.isNamedShadow : 0) |
      (prediction.madeId === true ? flags.hasMadeId : 0) |
      (prediction.leftPayload === true ? flags.hasLeftPayload : 0)
    numbers[word + words.idBytes] = idBytes
    numbers[word + words.unitBytes] = unitBytes
    numbers[word + words.answerBytes] = answerBytes
    numbers[word + words.restBytes] = restBytes
    numbers[word + words.requestBytes] = payload?.request.byteLength ?? 0
    numbers[word + words.responseBytes] = payload?.response.byteLength ?? 0
    const double = start >>> 3
    this.#doubles[double + doubles.atMs] = prediction.atMs
    this.#doubles[double + doubles.latencyMs] = prediction.latencyMs
    this.#doubles[double + doubles.answer] = number
    if (payload !== null) {
      this.#anyPayload = 1
      bytes.set(payload.request, at)
      bytes.set(payload.response, at + payload.request.byteLength)
    }
    this.#end = aligned(at + bodies)
    this.#count += 1
  }

  /** All that was added since the last time, at the beginning of a buffer that is the caller's from then on. */
  take(): ArrayBuffer {
    const kinds = JSON.stringify(this.#kinds)
    this.#reserve(this.#end + 3 * kinds.length)
    const kindsBytes = writeText(this.#bytes, this.#end, kinds)
    this.#words[header.count] = this.#count
    this.#words[header.kindsOffset] = this.#end
    this.#words[header.kindsBytes] = kindsBytes
    this.#words[header.anyPayload] = this.#anyPayload
    const taken = this.#bytes.buffer
    this.#use(this.#spare ?? new ArrayBuffer(firstCapacity))
    this.#spare = null
    this.#end = headerBytes
    this.#count = 0
    this.#anyPayload = 0
    this.#kinds = []
    this.#byEndpoint.clear()
    return taken
  }

  /** Takes a buffer back whose predictions have been read: memory that is new costs more than all that is written to it. */
  reuse(taken: ArrayBuffer): void {
    if (taken.byteLength <= keptCapacityMax) this.#spare = taken
  }

  #kindOf(prediction: Recorded): number {
    const { endpoint } = prediction
    let known = this.#byEndpoint.get(endpoint)
    if (known === undefined) {
      known = []
      this.#byEndpoint.set(endpoint, known)
    }
    const last = known.length - 1
    for (let place = last; place >= 0 && place > last - kindsCompared; place -= 1) {
      const number = known[place] ?? 0
      if (isOfKind(prediction, this.#kinds[number])) return number
    }
    known.push(this.#kinds.length)
    return this.#kinds.push(kindOf(prediction)) - 1
  }

  #reserve(end: number): void {
    if (end <= this.#bytes.byteLength) return
    const bytes = this.#bytes
    this.#use(new ArrayBuffer(2 ** Math.ceil(Math.log2(end))))
    this.#bytes.set(bytes)
  }

  #use(buffer: ArrayBuffer): void {
    this.#bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#doubles = new Float64Array(buffer)
  }
}

/** Of predictions that are at hand. */
export function packPredictions(predictions: readonly Prediction[]): ArrayBuffer {
  const packer = new PredictionPacker()
  for (const prediction of predictions) packer.add(prediction, prediction)
  return packer.take()
}

function kindOf(prediction: Recorded): Kind {
  const { endpoint, epoch, release, assigned, version, propensity, pinned, byContext, status, failed } = prediction
  return [
    ...([endpoint, epoch, release, assigned, version, propensity] as const),
    ...([pinned ? 1 : 0, byContext === true ? 1 : 0, status, failed ? 1 : 0] as const),
  ]
}

function isOfKind(prediction: Recorded, kind: Kind | undefined): boolean {
  return (
    kind !== undefined &&
    kind[4] === prediction.version &&
    kind[8] === prediction.status &&
    kind[5] === prediction.propensity &&
    kind[1] === prediction.epoch &&
    kind[3] === prediction.assigned &&
    kind[2] === prediction.release &&
    kind[6] === (prediction.pinned ? 1 : 0) &&
    kind[7] === (prediction.byContext === true ? 1 : 0) &&
    kind[9] === (prediction.failed ? 1 : 0)
  )
}

type WrittenAnswer = { form: number; number: number; text: string }

const noAnswer: WrittenAnswer = { form: answerForms.none, number: 0, text: '' }

function answerOf({ answer }: ReadOfBodies): WrittenAnswer {
  if (answer === null) return noAnswer
  const value = answer.length === 1 ? answer[0] : undefined
  // As JSON would have it, which knows no -0.
  if (typeof value === 'number') return { form: answerForms.number, number: value + 0, text: '' }
  if (typeof value === 'string') return { form: answerForms.text, number: 0, text: value }
  return { form: answerForms.json, number: 0, text: JSON.stringify(answer) }
}

function restOf(recorded: Recorded, { scores, features }: ReadOfBodies, isNamedShadow: boolean): string {
  const { payload, measures } = recorded
  const sent = payload?.sent
  const shadowOf = isNamedShadow ? undefined : recorded.shadowOf
  const isBare = shadowOf === undefined && sent === undefined && measures === undefined
  if (scores === null && features === null && isBare) return ''
  const rest: Rest = {
    ...(scores !== null && { scores }),
    ...(features !== null && { features }),
    ...(shadowOf !== undefined && { shadowOf }),
    ...(sent !== undefined && { sent }),
    ...(measures !== undefined && { measures }),
  }
  return JSON.stringify(rest)
}

const encoder = new TextEncoder()

/** The bytes that it took. Most texts are short and ASCII, for which a loop is faster than a call out of JavaScript. */
function writeText(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return encoder.encodeInto(text, bytes.subarray(at)).written
    bytes[at + index] = code
  }
  return text.length
}
