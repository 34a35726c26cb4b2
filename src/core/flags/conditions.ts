/** Conditions as functions, made once per set of flags. None of them throws, whatever the context holds. */
import { assertNever } from '../errors.ts'
import { freezeText, isoMinute, weeklyTest } from '../freeze.ts'
import type { Context } from './evaluation.ts'
import type { AttributeTest, Condition, SegmentSpec } from './flag.ts'
import { targetingKey } from './flag.ts'
import { versionTest } from './sem-ver.ts'

export type Test = (context: Context, nowMs: number) => boolean
export type Read = (context: Context) => unknown

/** All of them hold. */
export function compileAll(conditions: readonly Condition[], segments: ReadonlyMap<string, Test>): Test {
  const tests = conditions.map(condition => compileCondition(condition, segments))
  const [first, second] = tests
  if (first === undefined) return () => true
  if (second === undefined) return first
  return (context, nowMs) => {
    for (const test of tests) if (!test(context, nowMs)) return false
    return true
  }
}

export function compileCondition(condition: Condition, segments: ReadonlyMap<string, Test>): Test {
  const test = compilePlain(condition, segments)
  return condition.not === true ? (context, nowMs) => !test(context, nowMs) : test
}

function compilePlain(condition: Condition, segments: ReadonlyMap<string, Test>): Test {
  switch (condition.kind) {
    case 'attribute': {
      const read = attributeReader(condition.attribute)
      const fits = compileTest(condition.test)
      return context => fits(read(context))
    }
    case 'segment': {
      const test = segments.get(condition.segment)
      return test ?? (() => false)
    }
    case 'time': {
      const { fromMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = condition
      return (_, nowMs) => nowMs >= fromMs && nowMs < untilMs
    }
    case 'window': {
      const isOpen = weeklyTest(condition.window)
      return (_, nowMs) => isOpen(nowMs)
    }
    case 'any': {
      const tests = condition.of.map(one => compileCondition(one, segments))
      return (context, nowMs) => tests.some(test => test(context, nowMs))
    }
    default:
      return assertNever(condition)
  }
}

/** Excluded, listed, or described. */
export function compileSegment({ include = [], exclude = [], when = [] }: SegmentSpec): Test {
  const listed = new Set(include)
  const excluded = new Set(exclude)
  const fits = compileAll(when, new Map())
  const key = attributeReader(targetingKey)
  return (context, nowMs) => {
    const unit = textOf(key(context))
    if (unit !== null && excluded.has(unit)) return false
    return (unit !== null && listed.has(unit)) || (when.length > 0 && fits(context, nowMs))
  }
}

/** The value of an attribute; `user.plan` is a key of that name or, without one, a key within `user`. */
export function attributeReader(attribute: string): Read {
  const path = attribute.split('.')
  // Asking whether a key is an object's own takes longer than reading it, and few names are inherited.
  if (path.length === 1 && !(attribute in Object.prototype)) return context => context[attribute]
  if (path.length === 1) return context => ownOf(context, attribute)
  return context => (Object.hasOwn(context, attribute) ? context[attribute] : path.reduce<unknown>(ownOf, context))
}

function ownOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Record<string, unknown>)[key]
}

/** As it is compared; null for what has no text of its own. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}

function compileTest(test: AttributeTest): (value: unknown) => boolean {
  switch (test.op) {
    case 'in': {
      const values = new Set(test.values)
      return ofText(text => values.has(text))
    }
    case 'prefix':
      return ofText(text => test.texts.some(start => text.startsWith(start)))
    case 'suffix':
      return ofText(text => test.texts.some(end => text.endsWith(end)))
    case 'contains':
      return ofText(text => test.texts.some(part => text.includes(part)))
    case 'number':
      return value => isWithin(numberOf(value), test)
    case 'semver':
      return versionTest(test.range)
    case 'exists':
      return value => value !== undefined && value !== null
    default:
      return assertNever(test)
  }
}

/** Of a list one element must fit. */
function ofText(fits: (text: string) => boolean): (value: unknown) => boolean {
  const one = (value: unknown): boolean => {
    const text = textOf(value)
    return text !== null && fits(text)
  }
  return value => (Array.isArray(value) ? value.some(one) : one(value))
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
}

/** No number is in no range. */
function isWithin(value: number, range: Extract<AttributeTest, { op: 'number' }>): boolean {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = range
  const isOver = range.minExclusive === true ? value > min : value >= min
  return isOver && (range.maxExclusive === true ? value < max : value <= max)
}

/** `email ends with @example.org`, for explanations. */
export function conditionText(condition: Condition): string {
  return condition.not === true ? `not (${plainText(condition)})` : plainText(condition)
}

function plainText(condition: Condition): string {
  switch (condition.kind) {
    case 'attribute':
      return `${condition.attribute} ${testText(condition.test)}`
    case 'segment':
      return `in segment ${condition.segment}`
    case 'time':
      return timeText(condition)
    case 'window':
      return `during ${freezeText(condition.window)}`
    case 'any':
      return condition.of.map(conditionText).join(' or ')
    default:
      return assertNever(condition)
  }
}

const words = { in: 'in', prefix: 'begins with', suffix: 'ends with', contains: 'contains' } as const

function testText(test: AttributeTest): string {
  switch (test.op) {
    case 'in':
      return `${words.in} ${test.values.join(', ')}`
    case 'prefix':
    case 'suffix':
    case 'contains':
      return `${words[test.op]} ${test.texts.join(' or ')}`
    case 'number': {
      const low = test.min === undefined ? [] : [`${test.minExclusive === true ? '>' : '>='} ${test.min}`]
      const high = test.max === undefined ? [] : [`${test.maxExclusive === true ? '<' : '<='} ${test.max}`]
      return [...low, ...high].join(' and ')
    }
    case 'semver':
      return `is a version ${test.range}`
    case 'exists':
      return 'is given'
    default:
      return assertNever(test)
  }
}

function timeText({ fromMs, untilMs }: Extract<Condition, { kind: 'time' }>): string {
  const from = fromMs === undefined ? [] : [`from ${isoMinute(fromMs)}`]
  const until = untilMs === undefined ? [] : [`until ${isoMinute(untilMs)}`]
  return [...from, ...until].join(' ')
}
