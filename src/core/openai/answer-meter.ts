/**
 * Reads an answer in OpenAI's style while it passes: its tokens, when its content began, and whether it said that it
 * failed. Takes out of a stream the one event that the caller did not ask for; otherwise every byte goes on as it came.
 */
import { joinBytes } from '../bytes.ts'
import { limits } from '../limits.ts'
import type { TokenUsage } from '../measures.ts'
import { type SsePiece, SseSplitter, sseData } from './sse.ts'
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
  let hasPassed = true
  const passes = (piece: SsePiece, atMs: number): boolean => {
    if (piece.endsBefore !== true) hasPassed = !piece.isWhole || !isLeftOut(piece.bytes, atMs)
    return hasPassed
  }
  const isLeftOut = (event: Uint8Array, atMs: number): boolean => readEvent(reading, event, atMs) && withoutUsage
  return {
    push: (chunk, atMs) =>
      splitter
        .push(chunk)
        .filter(piece => passes(piece, atMs))
        .map(({ bytes }) => bytes),
    end: () => splitter.end().map(({ bytes }) => bytes),
    read: () => ({ ...reading }),
  }
}

/** Events that can tell nothing new are not parsed. */
function readEvent(reading: MeterReading, event: Uint8Array, atMs: number): boolean {
  const text = sseData(event)
  if (text === null || !mayTell(reading, text)) return false
  const { usage, hasContent, isUsageAlone, isFailure, id } = factsOfEvent(parsed(text))
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
  let chunks: Uint8Array[] | null = []
  let bytes = 0
  let reading = nothingRead
  return {
    push: chunk => {
      bytes += chunk.length
      if (bytes > limits.measuredAnswerBytesMax) chunks = null
      // Of a Buffer, which is a view of what is read into again, `slice` would be a view too.
      chunks?.push(new Uint8Array(chunk))
      return [chunk]
    },
    end: () => {
      const facts = chunks === null ? null : factsOfAnswer(joinBytes(chunks))
      chunks = null
      if (facts !== null) reading = { ...nothingRead, usage: facts.usage, responseId: facts.id }
      return []
    },
    read: () => reading,
  }
}

const nothingRead: MeterReading = { usage: null, firstContentAtMs: null, failed: false, responseId: null }
