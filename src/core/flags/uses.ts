/** Who asks for a flag: other flags, rules of endpoints, releases that wait for it. */
import { type ControlState, isTerminal } from '../state.ts'

type Use = { flag: string; variants: readonly string[]; by: string }

export function usesOfFlag(state: ControlState, name: string): string[] {
  return [...new Set(uses(state).flatMap(use => (use.flag === name ? [use.by] : [])))]
}

export function variantsUsed(state: ControlState, name: string): { variant: string; by: string }[] {
  return uses(state).flatMap(({ flag, variants, by }) =>
    flag === name ? variants.map(variant => ({ variant, by })) : [],
  )
}

function uses(state: ControlState): Use[] {
  const flags = Object.values(state.flags?.flags ?? {}).flatMap(({ spec }) =>
    (spec.requires ?? []).map(({ flag, is }) => ({ flag, variants: is, by: `flag ${spec.name}` })),
  )
  const rules = Object.values(state.endpoints).flatMap(({ spec }) =>
    (spec.rules ?? []).flatMap(rule =>
      'flag' in rule ? [{ flag: rule.flag, variants: rule.is ?? [], by: `endpoint ${spec.name}` }] : [],
    ),
  )
  const releases = Object.values(state.releases).flatMap(release =>
    isTerminal(release)
      ? []
      : (release.plan.flags ?? []).map(({ flag, is = [] }) => ({ flag, variants: is, by: `release ${release.id}` })),
  )
  return [...flags, ...rules, ...releases]
}
