/** Flag and Segment documents as the core evaluates them. Every key has been checked, but for expressions and version ranges. */
import type { ConditionResource, PlainConditionResource } from '../contract/flags/conditions.ts'
import type { FlagResource, SegmentResource } from '../contract/flags/flag.ts'
import { booleanVariants } from '../contract/flags/flag-rules.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import {
  type AttributeTest,
  type Condition,
  type FlagSpec,
  type Json,
  type ScheduleStep,
  type SegmentSpec,
  type Serve,
  targetingKey,
} from '../core/flags/flag.ts'
import { compileLogic } from '../core/flags/json-logic.ts'
import { LogicFault } from '../core/flags/logic-values.ts'
import { isVersionRange } from '../core/flags/sem-ver.ts'
import { compileWindow } from './compile-freeze.ts'
import { percentPpm } from './quantities.ts'

/** Throws invalid-resource for an expression or a version range that is none. */
export function compileFlag(resource: FlagResource): FlagSpec {
  const { name, description, type, enabled, requires, rules, schedule, unit, salt, metadata } = resource
  refuse(`Flag ${name}`, [
    ...rules.flatMap(({ when }, index) => rangeProblems(when, `rules[${index}].when`)),
    ...targetingProblems(resource.targeting),
  ])
  const variants = (resource.variants ?? booleanVariants) as Readonly<Record<string, Json>>
  const off = resource.off === undefined ? offOf(resource, variants) : (resource.off ?? undefined)
  const targeting = resource.targeting as Json | undefined
  const hasTargeting = resource.targeting !== undefined && Object.keys(resource.targeting).length > 0
  return {
    name,
    ...(description !== undefined && { description }),
    type,
    variants,
    enabled,
    ...(off !== undefined && { off }),
    default: serveOf(resource),
    ...(requires.length > 0 && { requires: requires.map(({ flag, is }) => ({ flag, is: listOf(is) })) }),
    ...(rules.length > 0 && {
      rules: rules.map(rule => ({
        name: rule.name,
        when: rule.when.map(compileCondition),
        serve: needed(serveOf(rule)),
      })),
    }),
    ...(hasTargeting && targeting !== undefined && { targeting }),
    ...(schedule.length > 0 && { schedule: schedule.map(stepOf) }),
    ...(unit !== targetingKey && { unit }),
    ...(salt !== undefined && { salt }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }
}

export function compileSegment(resource: SegmentResource): SegmentSpec {
  const { name, description, include, exclude, when } = resource
  refuse(`Segment ${name}`, rangeProblems(when, 'when'))
  return {
    name,
    ...(description !== undefined && { description }),
    ...(include.length > 0 && { include }),
    ...(exclude.length > 0 && { exclude }),
    ...(when.length > 0 && { when: when.map(compileCondition) }),
  }
}

function refuse(what: string, problems: readonly Problem[]): void {
  if (problems.length > 0) throw new CutoverError('invalid-resource', `${what} is not valid`, problems)
}

/** Of a boolean flag the first one that is false. */
function offOf({ type }: FlagResource, variants: Readonly<Record<string, Json>>): string | undefined {
  if (type !== 'boolean') return undefined
  return Object.entries(variants).find(([, value]) => value === false)?.[0]
}

type Serving = Pick<FlagResource, 'serve' | 'rollout' | 'by'>

function serveOf({ serve, rollout, by }: Serving): Serve | null {
  if (serve !== undefined) return { kind: 'variant', variant: serve }
  if (rollout === undefined) return null
  const weights = Object.fromEntries(Object.entries(rollout).map(([variant, share]) => [variant, percentPpm(share)]))
  return { kind: 'rollout', weights, ...(by !== undefined && { by }) }
}

function needed(serve: Serve | null): Serve {
  if (serve === null) throw new Error('a rule that serves nothing passed the contract')
  return serve
}

function stepOf({ at, rule, enabled, ...serving }: FlagResource['schedule'][number]): ScheduleStep {
  const serve = serveOf(serving)
  return {
    atMs: Date.parse(at),
    ...(serve !== null && { serve }),
    ...(rule !== undefined && { rule }),
    ...(enabled !== undefined && { enabled }),
  }
}

function compileCondition(resource: ConditionResource): Condition {
  const inverted = resource.not === true ? { not: true as const } : {}
  if (resource.any !== undefined) return { ...inverted, kind: 'any', of: resource.any.map(compileCondition) }
  return { ...inverted, ...plainCondition(resource) }
}

function plainCondition(resource: PlainConditionResource): Condition {
  const { attribute, segment, during, from, until } = resource
  if (attribute !== undefined) return { kind: 'attribute', attribute, test: testOf(resource) }
  if (segment !== undefined) return { kind: 'segment', segment }
  if (during !== undefined) return { kind: 'window', window: compileWindow(during) }
  return {
    kind: 'time',
    ...(from !== undefined && { fromMs: Date.parse(from) }),
    ...(until !== undefined && { untilMs: Date.parse(until) }),
  }
}

function testOf(resource: PlainConditionResource): AttributeTest {
  const { equals, prefix, suffix, contains, semver, exists } = resource
  if (equals !== undefined) return { op: 'in', values: [String(equals)] }
  if (resource.in !== undefined) return { op: 'in', values: resource.in.map(String) }
  if (prefix !== undefined) return { op: 'prefix', texts: listOf(prefix) }
  if (suffix !== undefined) return { op: 'suffix', texts: listOf(suffix) }
  if (contains !== undefined) return { op: 'contains', texts: listOf(contains) }
  if (semver !== undefined) return { op: 'semver', range: semver }
  return exists === true ? { op: 'exists' } : boundsOf(resource)
}

function boundsOf(resource: PlainConditionResource): AttributeTest {
  const min = resource['at-least'] ?? resource['more-than']
  const max = resource['at-most'] ?? resource['less-than']
  return {
    op: 'number',
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(resource['more-than'] !== undefined && { minExclusive: true }),
    ...(resource['less-than'] !== undefined && { maxExclusive: true }),
  }
}

function listOf<Value>(value: Value | readonly Value[]): readonly Value[] {
  return Array.isArray(value) ? value : [value as Value]
}

function rangeProblems(conditions: readonly ConditionResource[], path: string): Problem[] {
  return conditions.flatMap(({ semver, any }, index) => {
    const here = `${path}[${index}]`
    const inner = any === undefined ? [] : rangeProblems(any, `${here}.any`)
    if (semver === undefined || isVersionRange(semver)) return inner
    const allowed = ['>=1.4.0 <2.0.0', '^1.2', '1.x']
    return [...inner, { path: `${here}.semver`, message: 'is not a range of versions', value: semver, allowed }]
  })
}

function targetingProblems(targeting: FlagResource['targeting']): Problem[] {
  if (targeting === undefined) return []
  try {
    compileLogic(targeting as Json)
    return []
  } catch (fault) {
    if (!(fault instanceof LogicFault)) throw fault
    return [{ path: 'targeting', message: fault.message }]
  }
}
