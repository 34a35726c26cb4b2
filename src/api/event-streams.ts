/**
 * The story of a release as server-sent events: its history first, then every new entry, until the one that ends it.
 * The log is the buffer: a slow reader is given one entry at a time and never makes the server keep more.
 */
import type { ControlPlane } from '../controller/control-plane.ts'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { isTerminal } from '../core/state.ts'
import type { Clock } from '../ports/clock.ts'
import { timelineEntryView } from './release-views.ts'

export type EventStreams = {
  /** Throws release-not-found; overloaded past the limit. With `isHead` nothing but the head of the answer. */
  open(request: Asked): Response
  count(): number
  closeAll(): void
}

/** By the name of a key; null where none is asked for. `mayRead` is asked as long as a stream lasts: the key may end before the story does. */
export type Reader = { key: string | null; mayRead(): boolean }

type Asked = { release: string; afterSeq: number | null; isHead: boolean; reader: Reader }

/** Comments at this pace tell both ends, and whatever is between them, that the other one is still there. */
const heartbeatMs = 15_000
/** How long a browser waits before it resumes a stream that broke. */
const retryMs = 1_000

type Source = { next(): Promise<string | null>; close(): void }

export function createEventStreams(deps: { control: ControlPlane; clock: Clock }): EventStreams {
  const sources = new Map<Source, Reader>()
  let isClosed = false

  /** Null where there is a place for one more. */
  const full = ({ key }: Reader): string | null => {
    if (sources.size >= limits.eventStreamsMax) return `${limits.eventStreamsMax} event streams are open`
    if (key === null) return null
    const own = [...sources.values()].filter(reader => reader.key === key).length
    return own < limits.eventStreamsPerKeyMax ? null : `the key ${key} has ${own} event streams open`
  }

  /** Null where there is no place for it any more: the reader comes again. */
  const begin = ({ release, afterSeq, reader }: Asked): Source | null => {
    if (isClosed || full(reader) !== null) return null
    const from = { ...deps, release, afterSeq: afterSeq ?? -1, mayRead: reader.mayRead }
    const source = createSource(from, () => sources.delete(source))
    sources.set(source, reader)
    return source
  }

  return {
    open(asked) {
      const { release, afterSeq, isHead, reader } = asked
      const { release: state } = deps.control.release(release)
      const isOver = isTerminal(state) && lastSeq(deps.control, release) <= (afterSeq ?? -1)
      // Tells a browser that resumes a finished story to stop asking.
      if (isOver) return new Response(null, { status: 204 })
      const fullness = full(reader)
      if (fullness !== null) throw new CutoverError('overloaded', `${fullness}; close one and try again`)
      const body = isHead ? null : toStream(() => begin(asked))
      return new Response(body, { headers: streamHeaders })
    },
    count: () => sources.size,
    closeAll() {
      isClosed = true
      for (const source of sources.keys()) source.close()
    },
  }
}

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // Proxies that buffer would hold the story back.
  'x-accel-buffering': 'no',
}

function lastSeq(control: ControlPlane, release: string): number {
  return control.timeline(release).at(-1)?.seq ?? -1
}

function createSource(
  from: { control: ControlPlane; clock: Clock; release: string; afterSeq: number; mayRead(): boolean },
  onClose: () => void,
): Source {
  const { control, clock, release } = from
  const waiting: string[] = [`retry: ${retryMs}\n\n`]
  const bell = createBell()
  let sentSeq = from.afterSeq
  let closed = false
  const stops = [
    control.subscribe(() => bell.ring()),
    clock.every(heartbeatMs, () => {
      if (waiting.length === 0) waiting.push(': still here\n\n')
      bell.ring()
    }),
  ]
  const close = () => {
    if (closed) return
    closed = true
    for (const stop of stops) stop()
    onClose()
    bell.ring()
  }
  const refill = () => {
    const entries = control.timeline(release).filter(entry => entry.seq > sentSeq)
    waiting.push(...entries.map((entry, index) => eventText(timelineEntryView(entry), entries[index + 1]?.seq)))
    sentSeq = entries.at(-1)?.seq ?? sentSeq
    if (waiting.length === 0 && isTerminal(control.release(release).release)) close()
  }
  const next = async (): Promise<string | null> => {
    for (;;) {
      if (!closed && !from.mayRead()) close()
      if (closed) return null
      if (waiting.length === 0) refill()
      const text = waiting.shift()
      if (text !== undefined) return text
      if (!closed) await bell.rung()
    }
  }
  return { next, close }
}

/** Only the last entry of an event carries its number: a reader that was cut off between two gets both again. */
function eventText(entry: { seq: number; kind: string }, nextSeq: number | undefined): string {
  const id = nextSeq === entry.seq ? '' : `id: ${entry.seq}\n`
  return `event: ${entry.kind}\n${id}data: ${JSON.stringify(entry)}\n\n`
}

/** Remembers a ring that nobody waited for, so that none is missed. */
function createBell() {
  let rang = false
  let wake: (() => void) | null = null
  return {
    ring() {
      rang = true
      wake?.()
    },
    async rung() {
      if (!rang) await new Promise<void>(resolve => (wake = resolve))
      wake = null
      rang = false
    },
  }
}

/** Begins with its first reading: a body that nobody reads is never cancelled either, and would be told for ever. */
function toStream(begin: () => Source | null): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let source: Source | null = null
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    source ??= begin()
    const text = (await source?.next().catch(() => null)) ?? null
    if (text !== null) {
      controller.enqueue(encoder.encode(text))
      return
    }
    source?.close()
    controller.close()
  }
  return new ReadableStream<Uint8Array>({ pull, cancel: () => source?.close() }, { highWaterMark: 0 })
}
