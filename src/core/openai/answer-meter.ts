/**
 * Reads an answer in OpenAI's style while it passes: its tokens, when its content began, and whether it said that it
 * failed. Takes out of a stream the one event that the caller did not ask for; otherwise every byte goes on as it came.
 */
import { GatheredBytes } from '../gathered-bytes.ts'
import { limits } from '../limits.ts'
import type { TokenUsage } from '../measures.ts'
import { type SsePiece, SseSplitter, sseEvent } from './sse.ts'
import { factsOfAnswer, factsOfEvent } from './usage.ts'

export type MeterReading = {
  usage: TokenUsage | null
  /** When the first part with content came; null where the answer does not come in parts, or has none. */
  firstContentAtMs: number | null
  /** A stream told of an error after it had begun. */
  failed: boolean
  /** The id of the answer, by which the next request of its conversation may name it; null where none was seen. */
  responseId: string | null
}

export interface AnswerMeter {
  /** What goes on of a chunk that came at `atMs`. */
  push(chunk: Uint8Array, atMs: number): readonly Uint8Array[]
  end(): readonly Uint8Array[]
  read(): MeterReading
}

/** `withoutUsage`: the event that tells usage alone was asked for by the gateway. */
export function streamMeter(withoutUsage: boolean): AnswerMeter {
  const splitter = new SseSplitter()
  const reading: MeterReading = { usage: null, firstContentAtMs: null, failed: false, responseId: null }
  /** Of an event too long to be held back, what has gone on of it: it is read as well, and may tell the tokens. */
  const long = new BoundedCopy()
  let hasPassed = true
  let lastMs = 0
  const passes = (piece: SsePiece, atMs: number): boolean => {
    if (piece.endsBefore === true) return hasPassed
    hasPassed = !(piece.isWhole && isLeftOut(piece.bytes, atMs))
    if (!piece.isWhole) long.add(piece.bytes)
    if (!piece.isWhole && piece.ends) readLong(atMs)
    return hasPassed
  }
  const isLeftOut = (event: Uint8Array, atMs: number): boolean => readEvent(reading, event, atMs) && withoutUsage
  const readLong = (atMs: number): void => {
    const event = long.take()
    if (event !== null) readEvent(reading, event, atMs)
  }
  return {
    push: (chunk, atMs) => {
      lastMs = atMs
      return splitter
        .push(chunk)
        .filter(piece => passes(piece, atMs))
        .map(({ bytes }) => bytes)
    },
    // Clients read an event that the end of the stream ends, without a blank line, though the specification drops it.
    end: () =>
      splitter
        .end()
        .filter(piece => passes({ ...piece, isWhole: long.isEmpty, ends: true }, lastMs))
        .map(({ bytes }) => bytes),
    read: () => ({ ...reading }),
  }
}

/** Events that can tell nothing new are not parsed. */
function readEvent(reading: MeterReading, event: Uint8Array, atMs: number): boolean {
  const { name, data } = sseEvent(event)
  if (name === 'error') reading.failed = true
  if (data === null || !mayTell(reading, data)) return false
  const { usage, hasContent, isUsageAlone, isFailure, id } = factsOfEvent(parsed(data))
  if (usage !== null) reading.usage = usage
  if (hasContent) reading.firstContentAtMs ??= atMs
  if (isFailure) reading.failed = true
  reading.responseId ??= id
  return isUsageAlone
}

function mayTell({ firstContentAtMs }: MeterReading, text: string): boolean {
  return (
    firstContentAtMs === null || /"(?:usage|error)"\s*:\s*[^\sn]|"type"\s*:\s*"(?:error|response\.failed)"/.test(text)
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** An answer in one piece of JSON. One that is too long to be kept beside its way is not read. */
export function wholeMeter(): AnswerMeter {
  const answer = new BoundedCopy()
  let reading = nothingRead
  return {
    push: chunk => {
      answer.add(chunk)
      return [chunk]
    },
    end: () => {
      const body = answer.take()
      const facts = body === null ? null : factsOfAnswer(body)
      if (facts !== null) reading = { ...nothingRead, usage: facts.usage, responseId: facts.id }
      return []
    },
    read: () => reading,
  }
}

/** What has passed, as long as that is not too long to be kept. */
class BoundedCopy {
  #gathered = new GatheredBytes()
  #bytes = 0

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > limits.measuredAnswerBytesMax) this.#gathered.clear()
    else this.#gathered.add(chunk)
  }

  /** Null if it was too long. Begins anew. */
  take(): Uint8Array | null {
    const whole = this.#bytes > limits.measuredAnswerBytesMax ? null : this.#gathered.whole()
    this.#gathered = new GatheredBytes()
    this.#bytes = 0
    return whole
  }
}

const nothingRead: MeterReading = { usage: null, firstContentAtMs: null, failed: false, responseId: null }
