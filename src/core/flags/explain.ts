/** Why a flag has the value it has for a context: each rule, each condition of it, and the bucket of the unit. */
import { bucketOf, saltSeed } from '../assign.ts'
import { own } from '../own.ts'
import { type CompiledFlags, compiledOf, unitOf } from './compile-flags.ts'
import { attributeReader, compileCondition, compileSegment, conditionText } from './conditions.ts'
import { evaluate, phaseAt } from './evaluate.ts'
import type { Context, Evaluation } from './evaluation.ts'
import { type FlagSpec, placeOf, type Serve, targetingKey } from './flag.ts'
import type { FlagsState } from './flags-state.ts'

export type RuleReport = {
  name: string
  fits: boolean
  conditions: readonly { text: string; holds: boolean }[]
}

export type Explanation = {
  evaluation: Evaluation
  enabled: boolean
  requires: readonly { flag: string; is: readonly string[]; variant: string | null; met: boolean }[]
  /** In their order; the first that fits decides. */
  rules: readonly RuleReport[]
  /** Of the rollout that decided; null where none did. */
  bucket: { by: string; unit: string; ppm: number } | null
}

/** Null where there is no such flag. */
export function explainFlag(state: FlagsState, key: string, context: Context, nowMs: number): Explanation | null {
  const flag = own(state.flags, key)
  const compiled = compiledOf(state)
  const compiledFlag = compiled.flags.get(key)
  if (flag === undefined || compiledFlag === undefined) return null
  const { spec } = flag
  const segments = new Map(Object.values(state.segments).map(one => [one.name, compileSegment(one)]))
  const rules = (spec.rules ?? []).map(({ name, when }): RuleReport => {
    const conditions = when.map(condition => ({
      text: conditionText(condition),
      holds: compileCondition(condition, segments)(context, nowMs),
    }))
    return { name, fits: conditions.every(({ holds }) => holds), conditions }
  })
  const evaluation = evaluate(compiled, key, context, nowMs)
  return {
    evaluation,
    enabled: phaseAt(compiledFlag, nowMs).enabled,
    requires: (spec.requires ?? []).map(({ flag: name, is }) =>
      requirementReport(compiled, { name, is, context, nowMs }),
    ),
    rules,
    bucket: bucketReport(flag.spec, evaluation, context, nowMs),
  }
}

function requirementReport(
  compiled: CompiledFlags,
  { name, is, context, nowMs }: { name: string; is: readonly string[]; context: Context; nowMs: number },
): Explanation['requires'][number] {
  const { variant } = evaluate(compiled, name, context, nowMs)
  return { flag: name, is, variant, met: variant !== null && is.includes(variant) }
}

function bucketReport(
  spec: FlagSpec,
  { by, reason }: Evaluation,
  context: Context,
  nowMs: number,
): Explanation['bucket'] {
  const serve = reason === 'SPLIT' ? servingAt(spec, by, nowMs) : undefined
  if (serve?.kind !== 'rollout') return null
  const attribute = serve.by ?? spec.unit ?? targetingKey
  const unit = unitOf(attributeReader(attribute), context)
  return unit === null ? null : { by: attribute, unit, ppm: bucketOf(unit, saltSeed(spec.salt ?? spec.name)) }
}

/** What a place serves at a time, after the steps of the schedule that have come. */
function servingAt(spec: FlagSpec, by: string, nowMs: number): Serve | undefined {
  const rule = by.startsWith('rule ') ? by.slice('rule '.length) : undefined
  const steps = (spec.schedule ?? []).filter(step => step.atMs <= nowMs && placeOf(step.rule) === placeOf(rule))
  const base = rule === undefined ? spec.default : spec.rules?.find(({ name }) => name === rule)?.serve
  return steps.findLast(step => step.serve !== undefined)?.serve ?? base ?? undefined
}
