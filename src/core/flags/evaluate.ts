/**
 * The value of a flag for a context at a time: pure, without I/O, and total. It never throws, whatever the context holds.
 */
import { limits } from '../limits.ts'
import type { CompiledFlag, CompiledFlags, CompiledTargeting, Phase } from './compile-flags.ts'
import { type Context, type Evaluation, failed } from './evaluation.ts'
import { LogicFault } from './logic-values.ts'

export function evaluate(compiled: CompiledFlags, key: string, context: Context, nowMs: number): Evaluation {
  const flag = compiled.flags.get(key)
  if (flag === undefined) return failed('FLAG_NOT_FOUND', `there is no flag ${key}`, 'none')
  try {
    return decide(compiled, flag, { context, nowMs, depth: 0 })
  } catch (fault) {
    return faulted(key, fault)
  }
}

/** Every flag in the order of its name. */
export function evaluateAll(
  compiled: CompiledFlags,
  context: Context,
  nowMs: number,
): readonly { key: string; evaluation: Evaluation }[] {
  return compiled.names.map(key => ({ key, evaluation: evaluate(compiled, key, context, nowMs) }))
}

type Asked = { context: Context; nowMs: number; depth: number }

function decide(compiled: CompiledFlags, flag: CompiledFlag, asked: Asked): Evaluation {
  const phase = phaseAt(flag, asked.nowMs)
  if (!phase.enabled) return phase.off
  if (phase.requires.length > 0) {
    const unmet = unmetOf(compiled, phase, asked)
    if (unmet !== null) return unmet
  }
  if (phase.targeting !== null) return byTargeting(flag, phase, phase.targeting, asked)
  for (const rule of phase.rules) if (rule.fits(asked.context, asked.nowMs)) return rule.decide(asked.context)
  return phase.fallback(asked.context)
}

export function phaseAt({ phases }: CompiledFlag, nowMs: number): Phase {
  let at = phases[0]
  for (let i = 1; i < phases.length; i++) {
    const next = phases[i]
    if (next === undefined || nowMs < next.fromMs) break
    at = next
  }
  return at
}

/** The answer where a flag that is required has another variant, or none. */
export function unmetOf(compiled: CompiledFlags, { requires }: Phase, asked: Asked): Evaluation | null {
  for (const { flag: name, variants, unmet } of requires) {
    const flag = compiled.flags.get(name)
    if (flag === undefined || asked.depth >= limits.flagRequirementDepthMax) return unmet
    const variant = variantOf(compiled, flag, { ...asked, depth: asked.depth + 1 })
    if (variant === null || !variants.has(variant)) return unmet
  }
  return null
}

/** Null where there is none: what cannot be computed is an error of that flag, and not of those that require it. */
function variantOf(compiled: CompiledFlags, flag: CompiledFlag, asked: Asked): string | null {
  try {
    return decide(compiled, flag, asked).variant
  } catch {
    return null
  }
}

function byTargeting(
  { spec }: CompiledFlag,
  { fallback }: Phase,
  { logic, byVariant, broken }: CompiledTargeting,
  { context, nowMs }: Asked,
): Evaluation {
  if (broken !== null) return broken
  const result = logic(context, { flag: spec.name, nowMs })
  if (result === null || result === undefined) return fallback(context)
  const variant = String(result)
  return (
    byVariant.get(variant) ??
    failed(
      'GENERAL',
      `the targeting of flag ${spec.name} names ${variant.slice(0, 100)}, which is no variant`,
      'targeting',
    )
  )
}

function faulted(key: string, fault: unknown): Evaluation {
  const detail = fault instanceof LogicFault ? fault.message : 'cannot read the context'
  return failed('GENERAL', `the targeting of flag ${key} ${detail}`, 'targeting')
}
