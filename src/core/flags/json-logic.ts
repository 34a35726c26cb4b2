/**
 * JsonLogic with flagd's own operators, as functions that are made once. An evaluation has a budget of steps, so that a
 * rule over long lists ends too. What cannot be computed throws a `LogicFault`, which `evaluate` turns into an answer.
 */
import { limits } from '../limits.ts'
import type { Context } from './evaluation.ts'
import { type Json, targetingKey } from './flag.ts'
import { fractional, pickShare, readShares } from './fractional.ts'
import { isIn, joined, merged, type Pay } from './logic-lists.ts'
import { arithmetic, comparisons, LogicFault, truthy } from './logic-values.ts'
import { compareVersions } from './sem-ver.ts'

/** `data` is the context, or the element of a list that is looked at; `root` is the context in any case. */
type Scope = { data: unknown; root: unknown; about: About; budget: { left: number } }
type About = { flag: string; nowMs: number }
type Node = (scope: Scope) => unknown
type Compile = (expression: Json) => Node
type Make = (given: Json, compile: Compile) => Node

export type Logic = (context: Context, about: About) => unknown

/** Throws `LogicFault` where the expression is none: an unknown operator, too many parts. */
export function compileLogic(expression: Json): Logic {
  const parts = { left: limits.logicNodesMax }
  const root = compileNode(expression, parts, 0)
  return (context, about) => root({ data: context, root: context, about, budget: { left: limits.logicStepsMax } })
}

function compileNode(expression: Json, parts: { left: number }, depth: number): Node {
  if (--parts.left < 0) throw new LogicFault(`has more than ${limits.logicNodesMax} parts`)
  if (depth > limits.logicDepthMax) throw new LogicFault(`is nested deeper than ${limits.logicDepthMax} levels`)
  const compile: Compile = inner => compileNode(inner, parts, depth + 1)
  if (Array.isArray(expression)) {
    const items = expression.map(compile)
    return isConstant(expression) ? () => expression : scope => items.map(item => item(scope))
  }
  if (typeof expression !== 'object' || expression === null) return () => expression
  const [[operator, given] = [undefined, null], ...more] = Object.entries(expression)
  if (operator === undefined) return () => expression
  if (more.length > 0) throw new LogicFault(`has several operators in one place, ${operator} and others`)
  if (!Object.hasOwn(operators, operator))
    throw new LogicFault(`has an unknown operator ${operator}; known are ${Object.keys(operators).join(', ')}`)
  return counted((operators[operator] as Make)(given, compile))
}

/** Nothing in it is computed. */
function isConstant(expression: Json): boolean {
  if (Array.isArray(expression)) return expression.every(isConstant)
  return typeof expression !== 'object' || expression === null
}

function counted(node: Node): Node {
  return scope => {
    spend(scope, 1)
    return node(scope)
  }
}

function spend({ budget }: Scope, steps: number): void {
  budget.left -= steps
  if (budget.left < 0) throw new LogicFault('takes too many steps')
}

function payFrom(scope: Scope): Pay {
  return steps => spend(scope, steps)
}

const operators: Readonly<Record<string, Make>> = {
  var: makeVar,
  missing: eager((keys, scope) => missingOf(keys, scope)),
  missing_some: eager(([least, keys], scope) => missingSome(least, keys, scope)),
  if: makeIf,
  '?:': makeIf,
  and: makeChoice(value => !truthy(value)),
  or: makeChoice(truthy),
  '!': makeUnary(value => !truthy(value)),
  not: makeUnary(value => !truthy(value)),
  '!!': makeUnary(truthy),
  ...fromEntries(comparisons, compare => eager(values => compare(values))),
  ...fromEntries(arithmetic, compute => eager(values => compute(values))),
  in: eager(([item, list], scope) => isIn(item, list, payFrom(scope))),
  cat: eager((values, scope) => joined(values.map(String), payFrom(scope))),
  substr: eager(([text, from, length]) => substring(String(text), Number(from), length)),
  merge: eager((values, scope) => merged(values, payFrom(scope))),
  map: makeEach((items, visit) => items.map(visit)),
  filter: makeEach((items, visit) => items.filter(item => truthy(visit(item)))),
  all: makeEach((items, visit) => items.length > 0 && items.every(item => truthy(visit(item)))),
  some: makeEach((items, visit) => items.some(item => truthy(visit(item)))),
  none: makeEach((items, visit) => !items.some(item => truthy(visit(item)))),
  reduce: makeReduce,
  starts_with: eager(values => ofTexts(values, (text, part) => text.startsWith(part))),
  ends_with: eager(values => ofTexts(values, (text, part) => text.endsWith(part))),
  sem_ver: eager(values => (values.length === 3 ? compareVersions(values[0], String(values[1]), values[2]) : null)),
  fractional: makeFractional,
}

function makeFractional(given: Json, compile: Compile): Node {
  const isListed = Array.isArray(given) && given.length > 0
  const [first, ...rest] = isListed ? given : []
  // Shares that are written out are read once; those that are computed, at each evaluation.
  const isKeyed = !Array.isArray(first)
  const shares = isListed && isConstant(isKeyed ? rest : given) ? readShares(isKeyed ? rest : given) : undefined
  const values = compile(given)
  const key = compile(first ?? null)
  return scope => {
    const about = { flag: scope.about.flag, targetingKey: ownOf(scope.root, targetingKey) }
    if (shares === undefined) return fractional(values(scope), about)
    const text = isKeyed ? key(scope) : null
    return isKeyed && typeof text !== 'string' ? null : pickShare(shares, text, about)
  }
}

function fromEntries<From>(record: Readonly<Record<string, From>>, make: (from: From) => Make): Record<string, Make> {
  return Object.fromEntries(Object.entries(record).map(([name, from]) => [name, make(from)]))
}

/** Its arguments are computed first; one that is no list is a list of one, unless its value is a list. */
function eager(compute: (values: readonly unknown[], scope: Scope) => unknown): Make {
  return (given, compile) => {
    if (Array.isArray(given)) {
      const items = given.map(compile)
      return scope =>
        compute(
          items.map(item => item(scope)),
          scope,
        )
    }
    const only = compile(given)
    return scope => {
      const value = only(scope)
      return compute(Array.isArray(value) ? value : [value], scope)
    }
  }
}

function makeUnary(compute: (value: unknown) => unknown): Make {
  return (given, compile) => {
    const only = compile(Array.isArray(given) ? (given[0] ?? null) : given)
    return scope => compute(only(scope))
  }
}

function makeVar(given: Json, compile: Compile): Node {
  const [key = '', fallback = null] = Array.isArray(given) ? given : [given]
  const otherwise = compile(fallback)
  if (key === '' || key === null) return ({ data }) => data
  if (typeof key === 'object') {
    const computed = compile(key)
    return scope => valueAt(scope, String(computed(scope)).split('.')) ?? otherwise(scope)
  }
  const path = String(key).split('.')
  if (path[0] === ownKey) return scope => ownValue(scope, path) ?? otherwise(scope)
  return scope => read(scope.data, path) ?? otherwise(scope)
}

/** What flagd adds to every context: the key of the flag, and the time in seconds. */
const ownKey = '$flagd'

function valueAt(scope: Scope, path: readonly string[]): unknown {
  return path[0] === ownKey ? ownValue(scope, path) : read(scope.data, path)
}

function ownValue({ data, root, about }: Scope, path: readonly string[]): unknown {
  if (data !== root) return read(data, path)
  const $flagd = { flagKey: about.flag, timestamp: Math.floor(about.nowMs / 1_000) }
  return read({ $flagd }, path)
}

function read(data: unknown, path: readonly string[]): unknown {
  let value = data
  for (const key of path) value = ownOf(value, key)
  return typeof value === 'function' ? undefined : value
}

/** Also of texts and lists: their length is their own. */
function ownOf(value: unknown, key: string): unknown {
  if (typeof value === 'string') return Object.hasOwn(Object(value), key) ? value[key as unknown as number] : undefined
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Record<string, unknown>)[key]
}

function missingOf(keys: readonly unknown[], scope: Scope): unknown[] {
  return keys.filter(key => valueAt(scope, String(key).split('.')) === undefined)
}

function missingSome(least: unknown, keys: unknown, scope: Scope): unknown[] {
  const listed = Array.isArray(keys) ? keys : []
  const missing = missingOf(listed, scope)
  return listed.length - missing.length >= Number(least) ? [] : missing
}

function makeIf(given: Json, compile: Compile): Node {
  if (!Array.isArray(given)) throw new LogicFault('has an `if` without a list of conditions and results')
  const items = given.map(compile)
  const nothing: Node = () => null
  const [only] = items
  if (items.length < 2) return only ?? nothing
  const otherwise = items.length % 2 === 1 ? (items.at(-1) ?? nothing) : nothing
  return scope => {
    for (let i = 0; i + 1 < items.length; i += 2) {
      if (truthy(items[i]?.(scope))) return items[i + 1]?.(scope)
    }
    return otherwise(scope)
  }
}

/** The first value that ends it, or the last one. */
function makeChoice(ends: (value: unknown) => boolean): Make {
  return (given, compile) => {
    if (!Array.isArray(given)) throw new LogicFault('has an `and` or `or` without a list')
    const items = given.map(compile)
    return scope => {
      let value: unknown = null
      for (const item of items) {
        value = item(scope)
        if (ends(value)) return value
      }
      return value
    }
  }
}

function makeEach(compute: (items: readonly unknown[], visit: (item: unknown) => unknown) => unknown): Make {
  return (given, compile) => {
    if (!Array.isArray(given) || given.length < 2) throw new LogicFault('has a loop without a list and what to do')
    const list = compile(given[0] ?? null)
    const body = compile(given[1] ?? null)
    return scope => {
      const items = itemsOf(list(scope), scope)
      return compute(items, item => body({ ...scope, data: item }))
    }
  }
}

function makeReduce(given: Json, compile: Compile): Node {
  if (!Array.isArray(given) || given.length < 2) throw new LogicFault('has a `reduce` without a list and what to do')
  const list = compile(given[0] ?? null)
  const body = compile(given[1] ?? null)
  const start = given.length > 2 ? compile(given[2] ?? null) : null
  return scope => {
    const items = itemsOf(list(scope), scope)
    const visit = (accumulator: unknown, current: unknown): unknown =>
      body({ ...scope, data: { accumulator, current } })
    if (start !== null) return items.reduce(visit, start(scope))
    return items.length === 0 ? null : items.reduce(visit)
  }
}

/** Each of them costs a step, whatever is done with it. */
function itemsOf(value: unknown, scope: Scope): readonly unknown[] {
  const items = Array.isArray(value) ? value : []
  spend(scope, items.length)
  return items
}

/** A negative length leaves so many characters out at the end. */
function substring(text: string, from: number, length: unknown): string {
  const start = from < 0 ? Math.max(0, text.length + from) : from
  if (typeof length !== 'number') return text.slice(start)
  return length < 0 ? text.slice(start).slice(0, length) : text.slice(start, start + length)
}

/** Null, not false, for what is no text. */
function ofTexts(values: readonly unknown[], compare: (text: string, part: string) => boolean): boolean | null {
  const [text, part] = values
  return values.length === 2 && typeof text === 'string' && typeof part === 'string' ? compare(text, part) : null
}
