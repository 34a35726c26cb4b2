import { isDeepStrictEqual } from 'node:util'
import { readItem } from '../../../src/gateway/feedback-items.ts'
import type { Draw } from '../answer-bytes.ts'
import type { Fuzzer } from '../fuzzer.ts'
import { drawJson, drawObject, type Words } from '../json-text.ts'

const words: Words = {
  names: ['prediction', 'row', 'label', 'reward', 'metrics', 'at', 'id'],
  values: [
    '"p1"',
    '"2026-11-28T00:00:00Z"',
    '1750000000000',
    '{"clicks":1}',
    '["a","b"]',
    '{"ranked":["a"]}',
    '-1',
    '1e999',
  ],
}

function drawItem(draw: Draw): Buffer {
  if (draw.chance(0.3)) return Buffer.from(drawObject(draw, words, 0, 3))
  const members = words.names.filter(() => draw.chance(0.5)).map(name => `"${name}":${drawJson(draw, words, 0, 2)}`)
  return Buffer.from(`{"prediction":"p1",${[...members, '"label":"a"'].join(',')}}`)
}

/** An item of feedback that throws, or that is another outcome when it is sent again. */
export const feedback: Fuzzer = {
  name: 'feedback',
  make: drawItem,
  check: input => {
    const item = parse(input)
    // JSON that is written has no negative zero; nothing depends on its sign.
    if (item === undefined || /-0(?![.\d])/.test(input.toString())) return null
    const read = readItem(item, '[0]', 1_000)
    if (!isDeepStrictEqual(read, readItem(parse(input), '[0]', 1_000))) return 'sent again it is another outcome'
    if ('problems' in read) return read.problems.length > 0 ? null : 'refused without a reason'
    return isDeepStrictEqual(JSON.parse(JSON.stringify(read)), { ...read })
      ? null
      : `cannot be written down: ${JSON.stringify(read)}`
  },
}

function parse(input: Buffer): unknown {
  try {
    return JSON.parse(input.toString())
  } catch {
    return undefined
  }
}
