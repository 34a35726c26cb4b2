/** Flags that releases wait for and endpoints go by must be there, with the variants that are asked for. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import type { Problem } from '../../core/errors.ts'
import type { FlagSpec } from '../../core/flags/flag.ts'
import { own } from '../../core/own.ts'
import type { ReleasePlan } from '../../core/plan.ts'
import type { ControlState } from '../../core/state.ts'
import type { Beside } from '../control-plane.ts'

export function gateProblems(
  state: ControlState,
  { flags = [] }: Pick<ReleasePlan, 'flags'>,
  beside: Beside,
): Problem[] {
  return flags.flatMap(({ stage, ...asked }) =>
    askedProblems(stage === undefined ? 'flag' : `stages[${stage}].flag`, asked, state, beside),
  )
}

export function ruleProblems(
  state: ControlState,
  { rules = [] }: Pick<EndpointSpec, 'rules'>,
  beside: Beside,
): Problem[] {
  return rules.flatMap((rule, index) => ('flag' in rule ? askedProblems(`rules[${index}]`, rule, state, beside) : []))
}

type Asked = { flag: string; is?: readonly string[] }

function askedProblems(path: string, { flag, is }: Asked, state: ControlState, beside: Beside): Problem[] {
  const spec = flagNamed(flag, state, beside)
  if (spec === undefined) {
    const allowed = Object.keys(state.flags?.flags ?? {}).slice(0, 100)
    return [{ path, message: 'there is no such flag', value: flag, allowed }]
  }
  const variants = Object.keys(spec.variants)
  if (is === undefined && spec.type !== 'boolean')
    return [
      { path, message: `${flag} is no boolean flag: say which variants are meant`, value: flag, allowed: variants },
    ]
  const unknown = (is ?? []).filter(variant => !variants.includes(variant))
  return unknown.map(value => ({ path, message: `is not a variant of ${flag}`, value, allowed: variants }))
}

function flagNamed(name: string, { flags }: ControlState, beside: Beside): FlagSpec | undefined {
  return beside.flags?.find(spec => spec.name === name) ?? own(flags?.flags ?? {}, name)?.spec
}
