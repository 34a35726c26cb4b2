/**
 * Flags as they are evaluated: made once from the state, immutable, swapped whole. Every answer that a flag can give is
 * made here, so that an evaluation makes none.
 */
import { bucketOf, saltSeed } from '../assign.ts'
import type { Segment } from '../traffic.ts'
import { attributeReader, compileAll, compileSegment, type Read, type Test, textOf } from './conditions.ts'
import { type Context, codeDefault, type Evaluation, type FlagReason, failed, served } from './evaluation.ts'
import { type FlagSpec, type Json, placeOf, type Requirement, type Serve, targetingKey } from './flag.ts'
import type { FlagState, FlagsState } from './flags-state.ts'
import { compileLogic, type Logic } from './json-logic.ts'
import { type Layout, type Layouts, stepPlace } from './layout.ts'
import { LogicFault } from './logic-values.ts'

export type CompiledRule = { name: string; fits: Test; decide: Decide }
export type Decide = (context: Context) => Evaluation
export type CompiledTargeting = { logic: Logic; byVariant: ReadonlyMap<string, Evaluation>; broken: Evaluation | null }

/** A flag between two steps of its schedule. */
export type Phase = {
  fromMs: number
  enabled: boolean
  requires: readonly { flag: string; variants: ReadonlySet<string>; unmet: Evaluation }[]
  rules: readonly CompiledRule[]
  targeting: CompiledTargeting | null
  off: Evaluation
  fallback: Decide
}

export type CompiledFlag = { spec: FlagSpec; phases: readonly [Phase, ...Phase[]] }
export type CompiledFlags = { flags: ReadonlyMap<string, CompiledFlag>; names: readonly string[] }

export function compileFlags({ flags, segments }: FlagsState): CompiledFlags {
  const tests = new Map(Object.values(segments).map(segment => [segment.name, compileSegment(segment)]))
  const compiled = Object.values(flags).map(flag => [flag.spec.name, compiledFlagOf(flag, segments, tests)] as const)
  return { flags: new Map(compiled), names: compiled.map(([name]) => name).toSorted() }
}

/** The same, made once for each set: releases that wait for a flag look at every tick. */
export function compiledOf(flags: FlagsState): CompiledFlags {
  const known = made.get(flags)
  if (known !== undefined) return known
  const compiled = compileFlags(flags)
  made.set(flags, compiled)
  return compiled
}

const made = new WeakMap<FlagsState, CompiledFlags>()

/** A set differs from the one before it by one flag or one segment: the other flags are compiled already. */
function compiledFlagOf(flag: FlagState, segments: FlagsState['segments'], tests: ReadonlyMap<string, Test>) {
  const known = madeFlags.get(flag)
  if (known?.segments === segments) return known.compiled
  const compiled = compileFlag(flag, tests)
  madeFlags.set(flag, { segments, compiled })
  return compiled
}

const madeFlags = new WeakMap<FlagState, { segments: FlagsState['segments']; compiled: CompiledFlag }>()

function compileFlag({ spec, layouts }: FlagState, segments: ReadonlyMap<string, Test>): CompiledFlag {
  const steps = spec.schedule ?? []
  let standing = standingOf(spec, layouts)
  const phases: [Phase, ...Phase[]] = [phaseOf(spec, standing, Number.NEGATIVE_INFINITY, segments)]
  for (const [index, step] of steps.entries()) {
    const place = placeOf(step.rule)
    const layout = layouts[stepPlace(index, place)]
    const serves = step.serve === undefined ? standing.serves : { ...standing.serves, [place]: [step.serve, layout] }
    standing = { enabled: step.enabled ?? standing.enabled, serves } as Standing
    phases.push(phaseOf(spec, standing, step.atMs, segments))
  }
  return { spec, phases }
}

/** What every place serves at some time. */
type Standing = { enabled: boolean; serves: Readonly<Record<string, readonly [Serve, Layout | undefined]>> }

function standingOf(spec: FlagSpec, layouts: Layouts): Standing {
  const serves: Record<string, readonly [Serve, Layout | undefined]> = {}
  const base = placeOf(undefined)
  if (spec.default !== null) serves[base] = [spec.default, layouts[base]]
  for (const { name, serve } of spec.rules ?? []) serves[placeOf(name)] = [serve, layouts[placeOf(name)]]
  return { enabled: spec.enabled, serves }
}

function phaseOf(spec: FlagSpec, standing: Standing, fromMs: number, segments: ReadonlyMap<string, Test>): Phase {
  const off = offOf(spec, 'off')
  const rules = (spec.rules ?? []).map(({ name, when }): CompiledRule => {
    const decide = decideBy(spec, standing.serves[placeOf(name)], { by: `rule ${name}`, reason: 'TARGETING_MATCH' })
    return { name, fits: compileAll(when, segments), decide }
  })
  const isPlain = rules.length === 0 && spec.targeting === undefined
  const reason = isPlain ? 'STATIC' : 'DEFAULT'
  return {
    fromMs,
    enabled: standing.enabled,
    requires: (spec.requires ?? []).map(one => requirementOf(spec, one)),
    rules,
    targeting: spec.targeting === undefined ? null : targetingOf(spec, spec.targeting),
    off,
    fallback: decideBy(spec, standing.serves[placeOf(undefined)], { by: 'default', reason }),
  }
}

function offOf(spec: FlagSpec, by: string): Evaluation {
  const value = spec.off === undefined ? undefined : spec.variants[spec.off]
  return spec.off === undefined || value === undefined
    ? codeDefault('DISABLED', by)
    : served(spec.off, value, 'DISABLED', by)
}

function requirementOf(spec: FlagSpec, { flag, is }: Requirement): Phase['requires'][number] {
  return { flag, variants: new Set(is), unmet: offOf(spec, `requires ${flag}`) }
}

type Why = { by: string; reason: FlagReason }

function decideBy(spec: FlagSpec, serving: readonly [Serve, Layout | undefined] | undefined, why: Why): Decide {
  const [serve, layout] = serving ?? []
  if (serve === undefined) {
    const nothing = codeDefault('DEFAULT', why.by)
    return () => nothing
  }
  if (serve.kind === 'variant') {
    const answer = answerOf(spec, serve.variant, why)
    return () => answer
  }
  return decideByBucket(spec, { by: serve.by ?? spec.unit ?? targetingKey, layout: layout ?? [] }, why)
}

function answerOf(spec: FlagSpec, variant: string, { by, reason }: Why): Evaluation {
  const value = Object.hasOwn(spec.variants, variant) ? spec.variants[variant] : undefined
  return value === undefined
    ? failed('GENERAL', `flag ${spec.name} has no variant ${variant}`, by)
    : served(variant, value, reason, by)
}

function decideByBucket(spec: FlagSpec, rollout: { by: string; layout: Layout }, { by }: Why): Decide {
  const read = attributeReader(rollout.by)
  const seed = saltSeed(spec.salt ?? spec.name)
  const answers = rollout.layout.map(({ version }) => answerOf(spec, version, { by, reason: 'SPLIT' }))
  const ends = rollout.layout.map(({ endPpm }: Segment) => endPpm)
  const missing = missingUnit(spec.name, rollout.by, by)
  return context => {
    const unit = unitOf(read, context)
    if (unit === null) return missing
    const bucket = bucketOf(unit, seed)
    for (let i = 0; i < ends.length; i++) if (bucket < (ends[i] ?? 0)) return answers[i] ?? missing
    return missing
  }
}

/** What is hashed; null where there is nothing. */
export function unitOf(read: Read, context: Context): string | null {
  const text = textOf(read(context))
  return text === null || text === '' ? null : text
}

function missingUnit(flag: string, attribute: string, by: string): Evaluation {
  return attribute === targetingKey
    ? failed('TARGETING_KEY_MISSING', `flag ${flag} is rolled out by targetingKey, which the context has not`, by)
    : failed('INVALID_CONTEXT', `flag ${flag} is rolled out by ${attribute}, which the context has not`, by)
}

function targetingOf(spec: FlagSpec, expression: Json): CompiledTargeting {
  const why = { by: 'targeting', reason: 'TARGETING_MATCH' } as const
  const byVariant = new Map(Object.keys(spec.variants).map(name => [name, answerOf(spec, name, why)]))
  try {
    return { logic: compileLogic(expression), byVariant, broken: null }
  } catch (fault) {
    if (!(fault instanceof LogicFault)) throw fault
    const broken = failed('PARSE_ERROR', `the targeting of flag ${spec.name} ${fault.message}`, why.by)
    return { logic: () => null, byVariant, broken }
  }
}
