/** Who asks for a flag: other flags, rules of endpoints, releases that wait for it. */
import { type ControlState, isTerminal, type ReleaseState } from '../state.ts'

export type Use = {
  flag: string
  /** That are asked for; none where it is "on". */
  variants: readonly string[]
  kind: 'flag' | 'endpoint' | 'release'
  name: string
  /** What hangs on it, for a person: `sends callers to v2`. */
  what: string
}

/** Every use of every flag, looked up once. */
export function usesByFlag(state: ControlState): ReadonlyMap<string, readonly Use[]> {
  return Map.groupBy(uses(state), ({ flag }) => flag)
}

export function usesOfFlag(state: ControlState, name: string): string[] {
  return [...new Set(uses(state).flatMap(use => (use.flag === name ? [userOf(use)] : [])))]
}

export function variantsUsed(state: ControlState, name: string): { variant: string; by: string }[] {
  return uses(state).flatMap(use =>
    use.flag === name ? use.variants.map(variant => ({ variant, by: userOf(use) })) : [],
  )
}

/** Who asks whether the flag is on. */
export function usersOfOn(state: ControlState, name: string): string[] {
  return uses(state).flatMap(use => (use.flag === name && use.variants.length === 0 ? [userOf(use)] : []))
}

function userOf({ kind, name }: Use): string {
  return `${kind} ${name}`
}

/** Made once for each state: a change of a flag asks several times. */
function uses(state: ControlState): readonly Use[] {
  const known = made.get(state) ?? usesIn(state)
  made.set(state, known)
  return known
}

const made = new WeakMap<ControlState, readonly Use[]>()

function usesIn(state: ControlState): Use[] {
  const flags = Object.values(state.flags?.flags ?? {}).flatMap(({ spec }) =>
    (spec.requires ?? []).map(
      ({ flag, is }): Use => ({ flag, variants: is, kind: 'flag', name: spec.name, what: 'is on only with it' }),
    ),
  )
  const rules = Object.values(state.endpoints).flatMap(({ spec: { name, rules = [] } }) =>
    rules.flatMap((rule): Use[] => {
      if (!('flag' in rule)) return []
      return [
        { flag: rule.flag, variants: rule.is ?? [], kind: 'endpoint', name, what: `sends callers to ${rule.version}` },
      ]
    }),
  )
  const releases = Object.values(state.releases).flatMap(release => (isTerminal(release) ? [] : usesOfRelease(release)))
  return [...flags, ...rules, ...releases]
}

function usesOfRelease({ id, plan }: ReleaseState): Use[] {
  return (plan.flags ?? []).map(({ flag, is = [], stage }) => ({
    flag,
    variants: is,
    kind: 'release',
    name: id,
    what:
      stage === undefined
        ? 'goes on only with it'
        : `goes on in stage ${stage + 1} (${plan.stages[stage]?.kind}) only with it`,
  }))
}
