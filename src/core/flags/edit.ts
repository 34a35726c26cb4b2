/** The small changes that a person makes most: on, off, another variant, another share. */
import { CutoverError } from '../errors.ts'
import type { FlagSpec, Serve } from './flag.ts'

/** The switch overrules the schedule, whose steps no longer switch. */
export function withEnabled(spec: FlagSpec, enabled: boolean): FlagSpec {
  const { schedule = [], ...rest } = spec
  const left = schedule.flatMap(({ enabled: _overruled, ...step }) => (step.serve === undefined ? [] : [step]))
  return { ...rest, enabled, ...(left.length > 0 && { schedule: left }) }
}

/** Serves otherwise from now on, by default or where a rule fits. Throws invalid-request for an unknown rule or variant. */
export function withServe(spec: FlagSpec, serve: Serve, rule: string | null): FlagSpec {
  const unknown = (serve.kind === 'variant' ? [serve.variant] : Object.keys(serve.weights)).find(
    variant => !Object.hasOwn(spec.variants, variant),
  )
  if (unknown !== undefined)
    throw refused(`flag ${spec.name} has no variant ${unknown}`, 'variant', unknown, Object.keys(spec.variants))
  if (rule === null) return { ...withoutSteps(spec, undefined), default: serve }
  const names = (spec.rules ?? []).map(({ name }) => name)
  if (!names.includes(rule)) throw refused(`flag ${spec.name} has no rule ${rule}`, 'rule', rule, names)
  const rules = (spec.rules ?? []).map(one => (one.name === rule ? { ...one, serve } : one))
  return { ...withoutSteps(spec, rule), rules }
}

/** What was planned for the same place is overruled, past steps and those to come: the word of now would not last otherwise. */
function withoutSteps(spec: FlagSpec, rule: string | undefined): FlagSpec {
  const { schedule, ...rest } = spec
  const left = (schedule ?? []).flatMap(step => {
    if (step.rule !== rule || step.serve === undefined) return [step]
    const { serve: _overruled, ...other } = step
    return other.enabled === undefined ? [] : [other]
  })
  return left.length === 0 ? rest : { ...rest, schedule: left }
}

function refused(message: string, path: string, value: string, allowed: readonly string[]): CutoverError {
  return new CutoverError('invalid-request', message, [{ path, message: 'is not known', value, allowed }])
}
