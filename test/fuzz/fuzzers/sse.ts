import { isDeepStrictEqual } from 'node:util'
import { streamMeter } from '../../../src/core/openai/answer-meter.ts'
import { type SsePiece, SseSplitter, sseEvent } from '../../../src/core/openai/sse.ts'
import type { Draw } from '../answer-bytes.ts'
import { cutAt, cutsOf, type Fuzzer } from '../fuzzer.ts'

const lines = [
  'data: {"id":"r1","choices":[{"delta":{"content":"a"}}]}',
  'data: {"id":"r1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}',
  'data: {"choices":[{"delta":{"role":"assistant"}}],"usage":null}',
  'data: {"type":"response.output_text.delta","delta":"x"}',
  'data: {"type":"response.completed","response":{"id":"r2","usage":{"input_tokens":1,"output_tokens":2}}}',
  'data: {"error":{"message":"no"}}',
  'data: [DONE]',
  'data: {"usage":{"prompt_tokens":-1}}',
  'data:',
  'data',
  'data:{',
  'data: {"choices":7}',
  'data: null',
  'event: done',
  'event: error',
  ': comment',
  'id: 1\0',
  'retry: 5',
  'x',
  '',
  '\u00e9\u20ac',
]

function drawStream(draw: Draw): Buffer {
  const end = draw.of(['\n', '\r\n', '\r'])
  let text = draw.chance(0.1) ? '\ufeff' : ''
  for (let left = draw.below(12); left > 0; left -= 1)
    text += `${draw.of(lines)}${draw.chance(0.1) ? draw.of(['\n', '\r\n', '\r']) : end}${draw.chance(0.7) ? end : ''}`
  return Buffer.from(text)
}

/** A stream of events that loses a byte, that depends on where it was cut, or that tells other data than the specification says. */
export const sse: Fuzzer = {
  name: 'sse',
  make: drawStream,
  check: input => {
    const whole = split([input])
    const parts = split(cutAt(input, cutsOf(input, 8)))
    if (!isDeepStrictEqual(whole, split(cutAt(input, [...input.keys()])))) return 'by bytes there are other events'
    if (!isDeepStrictEqual(whole, parts)) return 'in parts there are other events'
    if (!Buffer.concat(whole.map(({ bytes }) => bytes)).equals(input)) return 'bytes were lost'
    return dataFault(input, whole) ?? meterFault(input)
  },
}

type Event = { bytes: Buffer; isWhole: boolean }

/** An LF that came by itself belongs to the event before it. */
function split(portions: readonly Buffer[]): Event[] {
  const splitter = new SseSplitter()
  const events: Event[] = []
  const take = ({ bytes, isWhole, endsBefore }: SsePiece): void => {
    const ended = endsBefore === true ? events.pop() : undefined
    events.push(ended === undefined ? { bytes: Buffer.from(bytes), isWhole } : withMore(ended, bytes))
  }
  for (const portion of portions) {
    // Portions are views of a buffer that is written again.
    const view = Buffer.from(portion)
    splitter.push(view).forEach(take)
    view.fill(0)
  }
  splitter.end().forEach(take)
  return events
}

function withMore({ bytes, isWhole }: Event, more: Uint8Array): Event {
  return { bytes: Buffer.concat([bytes, more]), isWhole }
}

/** The specification's own steps (WHATWG HTML, 9.2.6), as it writes them, without its care for a mark at the start. */
function dataByTheBook(text: string): string[] {
  const told: string[] = []
  let data: string[] = []
  for (const line of text.split(/\r\n|\n|\r/).slice(0, -1)) {
    if (line === '') {
      if (data.length > 0) told.push(data.join('\n'))
      data = []
      continue
    }
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1)
    if (name === 'data') data.push(value.startsWith(' ') ? value.slice(1) : value)
  }
  return told
}

function dataFault(input: Buffer, pieces: readonly { bytes: Buffer; isWhole: boolean }[]): string | null {
  const text = input.toString()
  // Each event is read by itself, so a mark at its start is taken for that of the stream; nothing but counts rests on it.
  if (text.includes('\ufeff') || pieces.some(({ isWhole }, at) => !isWhole && at < pieces.length - 1)) return null
  const ours = pieces.filter(({ isWhole }) => isWhole).map(({ bytes }) => sseEvent(bytes).data)
  const told = ours.filter(data => data !== null)
  const book = dataByTheBook(text)
  return isDeepStrictEqual(told, book) ? null : `told ${JSON.stringify(told)}, by the book ${JSON.stringify(book)}`
}

function meterFault(input: Buffer): string | null {
  const portions = cutAt(input, cutsOf(input, 8))
  const plain = streamMeter(false)
  const passed = Buffer.concat([...portions.flatMap(portion => plain.push(portion, 1)), ...plain.end()])
  if (!passed.equals(input)) return 'a meter that leaves nothing out changed the stream'
  const leaving = streamMeter(true)
  const left = Buffer.concat([...portions.flatMap(portion => leaving.push(portion, 1)), ...leaving.end()])
  if (left.length > input.length) return 'a stream became longer'
  return isDeepStrictEqual(plain.read(), leaving.read()) ? null : 'what is left out changes what is read'
}
