/** What callers send as feedback, checked item by item and turned into outcomes. */
import { createHash } from 'node:crypto'
import type { Problem } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { isName } from '../core/names.ts'
import type { Label, Outcome, Truth } from '../core/prediction.ts'
import { excerpt } from './errors.ts'
import { idRule, isPredictionId } from './ids.ts'

export type FeedbackItem = { outcome: Outcome } | { problems: readonly Problem[] }

const keys = ['prediction', 'row', 'label', 'reward', 'metrics', 'at', 'id'] as const

/** `path` is where the item stands in the body: empty, or `[3]`. */
export function readItem(item: unknown, path: string, receivedAtMs: number): FeedbackItem {
  if (!isObject(item)) {
    return {
      problems: [problem(path, 'must be an object', item, ['an object with prediction and label, reward or metrics'])],
    }
  }
  const reader = createReader(item, path)
  const unknown = Object.keys(item).filter(key => !keys.some(known => known === key))
  for (const key of unknown) reader.fault(key, 'unknown key', keys)
  const fields = {
    prediction: reader.id('prediction') ?? reader.missing('prediction', idRule),
    row: reader.row(),
    label: reader.label(),
    reward: reader.number('reward'),
    metrics: reader.metrics(),
  }
  const atMs = reader.at()
  const id = reader.id('id')
  if (!('label' in item || 'reward' in item || 'metrics' in item)) {
    reader.fault('', 'says nothing about the prediction', ['at least one of label, reward, metrics'])
  }
  if (reader.problems.length > 0) return { problems: reader.problems }
  return { outcome: { ...fields, id: id ?? derivedId(fields, atMs), atMs: atMs ?? receivedAtMs } }
}

type Fields = Pick<Outcome, 'prediction' | 'row' | 'label' | 'reward' | 'metrics'>

/** Of all that the caller said and of nothing else, so that the same item sent again is the same outcome. */
function derivedId({ prediction, row, label, reward, metrics }: Fields, atMs: number | null): string {
  const sorted = Object.entries(metrics).sort(([a], [b]) => (a < b ? -1 : 1))
  const content = JSON.stringify([prediction, row, label, reward, sorted, atMs])
  return `f-${createHash('sha256').update(content).digest('base64url').slice(0, 22)}`
}

type Reader = ReturnType<typeof createReader>

/** Reads fields and gathers what is wrong with them. A field that is absent, or wrong, reads as its default. */
function createReader(item: Readonly<Record<string, unknown>>, path: string) {
  const problems: Problem[] = []
  const at = (key: string) => (key === '' ? path : path === '' ? key : `${path}.${key}`)
  const fault = (key: string, message: string, allowed: readonly string[], value: unknown = item[key]) => {
    problems.push(problem(at(key), message, value, allowed))
    return null
  }
  const field = <T>(key: string, isValid: (value: unknown) => value is T, allowed: string): T | null => {
    const value = item[key]
    if (value === undefined) return null
    return isValid(value) ? value : fault(key, `must be ${allowed}`, [allowed])
  }
  return {
    problems,
    fault,
    missing: (key: string, allowed: string) => {
      if (item[key] === undefined) fault(key, 'is missing', [allowed])
      return ''
    },
    id: (key: string) => field(key, isIdText, idRule),
    row: () => field('row', isRow, 'a whole number from 0') ?? 0,
    label: () => field('label', isTruth, 'a string, a finite number, a boolean, or for a ranking a list of them'),
    number: (key: string) => field(key, isFiniteNumber, 'a finite number'),
    metrics: () => readMetrics(item['metrics'], fault),
    at: () => readTime(item['at'], fault),
  }
}

function readMetrics(value: unknown, fault: Reader['fault']): Record<string, number> {
  if (value === undefined) return {}
  if (!isObject(value) || Object.keys(value).length === 0) {
    fault('metrics', 'must name at least one metric', ['an object such as {"converted": true}'])
    return {}
  }
  const read: Record<string, number> = {}
  for (const [name, metric] of Object.entries(value)) {
    if (!isName(name)) fault('metrics', `${excerpt(name)} is not a name`, ['letters, digits, dots, dashes'], name)
    else if (typeof metric === 'boolean') read[name] = metric ? 1 : 0
    else if (isFiniteNumber(metric)) read[name] = metric
    else fault(`metrics.${name}`, 'must be a finite number or a boolean', ['a finite number', 'a boolean'], metric)
  }
  return read
}

const isoTime = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/
const timeRule = ['an ISO 8601 time with its zone, such as 2026-01-31T12:00:00Z', 'milliseconds since 1970']

/** In March 1973. A smaller number is taken for what it nearly always is: seconds. */
const earliestMs = 100_000_000_000

function readTime(value: unknown, fault: Reader['fault']): number | null {
  if (value === undefined) return null
  const ms = typeof value === 'string' ? parseIso(value) : value
  if (!isFiniteNumber(ms) || ms > 8.64e15) return fault('at', 'must be a time', timeRule)
  if (typeof value === 'number' && ms < earliestMs) {
    return fault('at', 'is too small for milliseconds since 1970; are these seconds?', timeRule)
  }
  return Math.round(ms)
}

/** `Date.parse` takes 30 February for 1 March. */
function parseIso(text: string): number | null {
  const [, year, month, day] = isoTime.exec(text) ?? []
  if (year === undefined || Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

function problem(path: string, message: string, value: unknown, allowed: readonly string[]): Problem {
  return { path, message, ...(value !== undefined && { value: shorten(value) }), allowed }
}

function shorten(value: unknown): unknown {
  const text = JSON.stringify(value)
  return text.length <= 100 ? value : excerpt(text)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function isIdText(value: unknown): value is string {
  return typeof value === 'string' && isPredictionId(value)
}

function isRow(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** The relevant items of a ranking are a list; a longer one is refused. */
function isTruth(value: unknown): value is Truth {
  return isLabel(value) || (Array.isArray(value) && value.length <= limits.rankedItemsMax && value.every(isLabel))
}

function isLabel(value: unknown): value is Label {
  return typeof value === 'string' || typeof value === 'boolean' || isFiniteNumber(value)
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
