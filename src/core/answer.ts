/** Reads the predicted value from an answer's bytes. Anything that cannot be read is null, never an error. */
import type { AnswerRule, Protocol } from './endpoint.ts'
import { assertNever } from './errors.ts'
import { limits } from './limits.ts'
import { type Pointed, pointAt, pointerNames } from './pointed-json.ts'
import type { Answer, Label, Prediction } from './prediction.ts'

export type AnswerBytes = {
  /** As it went to the caller. A body with a content-encoding is not JSON text, so nothing is read from it. */
  body: Uint8Array
  contentType: string
  rule: AnswerRule
  protocol: Protocol
}

/** What was read of an answer: a value per row, and the scores of the classes where the rule asks for them. */
export type ReadAnswer = Pick<Prediction, 'answer' | 'scores'>

/**
 * One value per row of the answer, or null if it has no readable one for every row. Whole numbers that a double cannot
 * hold are given as their decimal text, so that a 64-bit id keeps every digit.
 */
export function readAnswer({ body, contentType, rule, protocol }: AnswerBytes): ReadAnswer {
  if (contentType !== 'application/json' && !jsonType.test(contentType)) return unread
  const pointed = protocol === 'http' && rule.scores === undefined ? pointedBy(rule, body) : 'unsure'
  if (pointed === 'missing' || pointed === 'broken') return unread
  if (pointed !== 'unsure') {
    const target = parsePointed(body, pointed, rule.read !== 'argmax')
    return { answer: readRows(rowsOf(target, rule.read), row => readRow(row, rule.read)), scores: null }
  }
  const answer = parseJson(body, rule.read !== 'argmax')
  if (answer === undefined) return unread
  const rows = rowsAt(answer, { protocol, output: rule.output, read: rule.read })
  const scored = rule.scores === undefined ? null : rowsAt(answer, { protocol, output: rule.scores, read: 'argmax' })
  return {
    answer: rows === null ? null : readRows(rows, row => readRow(row, rule.read)),
    scores: scored === null ? null : readRows(scored, readScores),
  }
}

const unread: ReadAnswer = { answer: null, scores: null }

/** By rule: compiled once. */
const namesByRule = new WeakMap<AnswerRule, { names: ReturnType<typeof pointerNames> }>()

function pointedBy(rule: AnswerRule, body: Uint8Array): Pointed {
  const known = namesByRule.get(rule) ?? { names: pointerNames(rule.output) }
  namesByRule.set(rule, known)
  return known.names === null ? 'unsure' : pointAt(body, known.names)
}

/** The value at a place that was found, whose bytes are valid JSON in ASCII. */
function parsePointed(body: Uint8Array, { from, to }: { from: number; to: number }, keepDigits: boolean): unknown {
  return smallInteger(body, from, to) ?? parseText(utf8.decode(body.subarray(from, to)), keepDigits)
}

/** Most labels are whole numbers of few digits; null if the bytes are another value. */
function smallInteger(bytes: Uint8Array, from: number, to: number): number | null {
  if (to - from > 9) return null
  let number = 0
  for (let at = from; at < to; at += 1) {
    const digit = (bytes[at] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return null
    number = 10 * number + digit
  }
  return number
}

type Place = { protocol: Protocol; output: string; read: AnswerRule['read'] }

function rowsAt(answer: unknown, place: Place): unknown[] | null {
  return place.protocol === 'open-inference' ? tensorRows(answer, place) : pointedRows(answer, place)
}

const jsonType = /^\s*(application|text)\/([a-z0-9!#$&^_.+-]+\+)?json\s*(;|$)/i
const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(body: Uint8Array, keepDigits: boolean): unknown {
  try {
    return parseText(utf8.decode(body), keepDigits)
  } catch {
    return undefined
  }
}

function parseText(text: string, keepDigits: boolean): unknown {
  return keepDigits && longInteger.test(text) ? JSON.parse(text, reviveExact) : JSON.parse(text)
}

/** A whole number of 16 digits or more where a value may stand; reading with a reviver is slow, so it is rare. */
const longInteger = /(^|[[,:\s])-?\d{16,}([\]},\s]|$)/

/** `source` is the text that the value was read from (ECMAScript "JSON.parse source text access", Node 22 and later). */
function reviveExact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source
  return source !== undefined && /^-?\d+$/.test(source) ? source : value
}

/** The rows of the named output tensor, its data flat or nested: cut along the first dimension, each row flat. */
function tensorRows(answer: unknown, rule: Place): unknown[][] | null {
  const outputs = field(answer, 'outputs')
  if (!Array.isArray(outputs)) return null
  const tensor: unknown = outputs.find(output => field(output, 'name') === rule.output)
  const shape = field(tensor, 'shape')
  const data = field(tensor, 'data')
  if (!isShape(shape) || !Array.isArray(data)) return null
  if (rule.read !== 'value' && shape.length !== 2) return null
  const elements = data.some(Array.isArray) ? flatten(data, shape) : data
  return elements === null ? null : cutRows(elements, shape)
}

/** Tensors of more dimensions are not read. */
const rankMax = 8

function isShape(shape: unknown): shape is number[] {
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > rankMax) return false
  return shape.every(size => Number.isSafeInteger(size) && size >= 0)
}

function flatten(data: readonly unknown[], shape: readonly number[]): unknown[] | null {
  return hasShape(data, shape) ? data.flat(shape.length) : null
}

function hasShape(data: unknown, shape: readonly number[]): boolean {
  const [size, ...inner] = shape
  if (size === undefined) return !Array.isArray(data)
  return Array.isArray(data) && data.length === size && data.every(item => hasShape(item, inner))
}

function cutRows(elements: readonly unknown[], shape: readonly number[]): unknown[][] | null {
  const [rowCount = 0, ...inner] = shape
  const width = inner.reduce((product, size) => product * size, 1)
  if (elements.length !== rowCount * width) return null
  if (width === 0 && rowCount > 0) return null
  return Array.from({ length: rowCount }, (_, row) => elements.slice(row * width, (row + 1) * width))
}

/** What the pointer leads to, as rows: an array has a row per item, except a lone row of scores for argmax. */
function pointedRows(answer: unknown, rule: Place): unknown[] | null {
  const target = follow(answer, rule.output)
  return target === undefined ? null : rowsOf(target, rule.read)
}

function rowsOf(target: unknown, read: AnswerRule['read']): unknown[] {
  if (!Array.isArray(target)) return [target]
  return read !== 'value' && !target.some(Array.isArray) ? [target] : target
}

/** RFC 6901; undefined if it leads nowhere. */
function follow(document: unknown, pointer: string): unknown {
  if (pointer === '') return document
  if (!pointer.startsWith('/')) return undefined
  let place = document
  for (const token of pointer.slice(1).split('/')) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(place) && !/^(0|[1-9]\d*)$/.test(key)) return undefined
    place = field(place, key)
  }
  return place
}

function field(container: unknown, key: string): unknown {
  if (typeof container !== 'object' || container === null || !Object.hasOwn(container, key)) return undefined
  return (container as Record<string, unknown>)[key]
}

/** Null if any row cannot be read: a row too few would shift the labels of those after it. */
function readRows<Value>(rows: readonly unknown[], read: (row: unknown) => Value | null): readonly Value[] | null {
  const values: Value[] = []
  for (const row of rows) {
    const value = read(row)
    if (value === null) return null
    values.push(value)
  }
  return values
}

function readRow(row: unknown, read: AnswerRule['read']): Answer | null {
  switch (read) {
    case 'value':
      return onlyValue(row)
    case 'argmax':
      return Array.isArray(row) ? argmax(row) : null
    case 'ranking':
      return Array.isArray(row) && row.length <= limits.rankedItemsMax ? readRows(row, onlyValue) : null
    default:
      return assertNever(read)
  }
}

/** A list of numbers; a number alone is the score of the second of two classes. */
function readScores(row: unknown): readonly number[] | null {
  if (typeof row === 'number') return Number.isFinite(row) ? [1 - row, row] : null
  if (!Array.isArray(row) || row.length > limits.scoresMax) return null
  if (row.length === 1) return readScores(row[0])
  return row.every(score => typeof score === 'number' && Number.isFinite(score)) ? row : null
}

/** A row with several elements has no one value. */
function onlyValue(row: unknown): Label | null {
  const value: unknown = Array.isArray(row) && row.length === 1 ? row[0] : row
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return typeof value === 'string' || typeof value === 'boolean' ? value : null
}

/** The place of the greatest number, the first of equals; null without numbers. */
function argmax(scores: readonly unknown[]): number | null {
  let best: { index: number; score: number } | null = null
  for (const [index, score] of scores.entries()) {
    if (typeof score !== 'number') return null
    if (best === null || score > best.score) best = { index, score }
  }
  return best?.index ?? null
}
