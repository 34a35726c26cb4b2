/** Reads the predicted value from an answer's bytes. Anything that cannot be read is null, never an error. */
import { field, type TensorAnswer, tensorRows } from './answer-tensors.ts'
import type { AnswerRule, Protocol } from './endpoint.ts'
import { assertNever } from './errors.ts'
import { parseExact } from './exact-json.ts'
import { limits } from './limits.ts'
import { type Pointed, pointAt, pointerNames } from './pointed-json.ts'
import type { Answer, Label, Prediction } from './prediction.ts'

export type AnswerBytes = {
  /** As it went to the caller. A body with a content-encoding is not JSON text, so nothing is read from it. */
  body: Uint8Array
  contentType: string
  /** Length of the JSON in front where binary tensors follow it (open-inference); null or left out if all is JSON. */
  jsonBytes?: number | null
  rule: AnswerRule
  protocol: Protocol
}

/** What was read of an answer: a value per row, and the scores of the classes where the rule asks for them. */
export type ReadAnswer = Pick<Prediction, 'answer' | 'scores'>

/**
 * One value per row of the answer, or null if it has no readable one for every row. Whole numbers that a double cannot
 * hold are given as their decimal text, so that a 64-bit id keeps every digit.
 */
export function readAnswer(bytes: AnswerBytes): ReadAnswer {
  const { rule, protocol } = bytes
  const parts = partsOf(bytes)
  if (parts === null) return unread
  const pointed = protocol === 'http' && rule.scores === undefined ? pointedBy(rule, parts.json) : 'unsure'
  if (pointed === 'missing' || pointed === 'broken') return unread
  if (pointed !== 'unsure') {
    const target = parsePointed(parts.json, pointed, rule.read !== 'argmax')
    return { answer: readRows(rowsOf(target, rule.read), row => readRow(row, rule.read)), scores: null }
  }
  const document = parseJson(parts.json, rule.read !== 'argmax')
  if (document === undefined) return unread
  const answer = { document, binary: parts.binary }
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
  let known = namesByRule.get(rule)
  if (known === undefined) {
    known = { names: pointerNames(rule.output) }
    namesByRule.set(rule, known)
  }
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

/** The JSON of an answer and the tensors behind it; null if it is neither JSON nor in the binary extension. */
function partsOf({ body, contentType, jsonBytes = null, protocol }: AnswerBytes) {
  if (jsonBytes === null)
    return contentType === 'application/json' || jsonType.test(contentType) ? { json: body, binary: nothing } : null
  if (protocol !== 'open-inference' || !Number.isSafeInteger(jsonBytes)) return null
  if (jsonBytes < 0 || jsonBytes > body.byteLength) return null
  return { json: body.subarray(0, jsonBytes), binary: body.subarray(jsonBytes) }
}

const nothing = new Uint8Array()

function rowsAt(answer: TensorAnswer, place: Place): unknown[] | null {
  return place.protocol === 'open-inference' ? tensorRows(answer, place) : pointedRows(answer.document, place)
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
  return keepDigits ? parseExact(text) : JSON.parse(text)
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
    if (typeof score !== 'number' || Number.isNaN(score)) return null
    if (best === null || score > best.score) best = { index, score }
  }
  return best?.index ?? null
}
