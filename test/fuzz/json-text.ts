/** JSON as callers write it: values of any kind, white space anywhere, names twice, numbers that no double holds. */
import type { Draw } from './answer-bytes.ts'

export type Words = { names: readonly string[]; values: readonly string[] }

const spaces = ['', '', '', ' ', '\n', '\t', '\r\n  ']
const scalars = [
  'true',
  'false',
  'null',
  '0',
  '-0',
  '1',
  '-1.5',
  '1e400',
  '1E-7',
  '9007199254740993',
  '""',
  '"a"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\"\\\\\\/\\b"',
  '"\u00e9\u20ac"',
  '"__proto__"',
  '[]',
  '{}',
]
const broken = [
  '',
  'tru',
  '01',
  '+1',
  '.5',
  '1.',
  '1e',
  '"\n"',
  '"\\x"',
  '"\\u12"',
  'NaN',
  '[1,]',
  '{"a"}',
  '{,}',
  "'a'",
  '/**/1',
]

/** One value as text. `oddity` is the share of parts that are no JSON. */
export function drawJson(draw: Draw, words: Words, oddity = 0, depth = 3): string {
  const kind = depth === 0 ? 0 : draw.below(5)
  if (kind === 3) return listOf(draw, '[', ']', () => drawJson(draw, words, oddity, depth - 1))
  if (kind === 4) return drawObject(draw, words, oddity, depth)
  if (draw.chance(oddity)) return draw.of(broken)
  return draw.of(draw.chance(0.5) ? words.values : scalars)
}

export function drawObject(draw: Draw, words: Words, oddity = 0, depth = 3): string {
  const name = () =>
    draw.chance(0.1)
      ? draw.of(['"__proto__"', '"a\\u0062"', '""', '"constructor"'])
      : JSON.stringify(draw.of(words.names))
  return listOf(draw, '{', '}', () => `${name()}${gap(draw)}:${gap(draw)}${drawJson(draw, words, oddity, depth - 1)}`)
}

function listOf(draw: Draw, open: string, close: string, item: () => string): string {
  const items = Array.from({ length: draw.below(5) }, () => `${gap(draw)}${item()}${gap(draw)}`)
  return `${open}${items.join(',')}${gap(draw)}${close}`
}

function gap(draw: Draw): string {
  return draw.of(spaces)
}
