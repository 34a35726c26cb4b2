/**
 * A feature flag as it is kept: typed variants, rules that choose among them, and what changes at a stated time. Plain
 * data, as it stands in the log; `compile-flags` makes of it what is evaluated.
 */
import type { FreezeWindow } from '../freeze.ts'
import type { Weights } from '../traffic.ts'

export const flagTypes = ['boolean', 'string', 'number', 'object'] as const
export type FlagType = (typeof flagTypes)[number]

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** One variant for everybody, or variants by weight. `by`: the attribute that is hashed, the flag's own if left out. */
export type Serve = { kind: 'variant'; variant: string } | { kind: 'rollout'; weights: Weights; by?: string }

/** What a value of the context must be. Values are compared as text, so that a header's `5` is the number's. */
export type AttributeTest =
  | { op: 'in'; values: readonly string[] }
  | { op: 'prefix' | 'suffix' | 'contains'; texts: readonly string[] }
  /** A number, or text that is one; `…Exclusive` leaves the bound itself out. */
  | { op: 'number'; min?: number; max?: number; minExclusive?: true; maxExclusive?: true }
  /** A range of semantic versions: `>=1.4.0 <2.0.0`, `^1.2`. */
  | { op: 'semver'; range: string }
  | { op: 'exists' }

export type Condition = { not?: true } & (
  | { kind: 'attribute'; attribute: string; test: AttributeTest }
  | { kind: 'segment'; segment: string }
  /** From `fromMs` on and before `untilMs`. */
  | { kind: 'time'; fromMs?: number; untilMs?: number }
  /** Hours that come again every week. */
  | { kind: 'window'; window: FreezeWindow }
  | { kind: 'any'; of: readonly Condition[] }
)

/** The first rule all of whose conditions hold decides. */
export type FlagRule = { name: string; when: readonly Condition[]; serve: Serve }

/** Another flag must have one of these variants; otherwise the variant of a switched-off flag is served. */
export type Requirement = { flag: string; is: readonly string[] }

/** From `atMs` on: what is left out stays as it was. `rule`: whose serving changes, the default's if left out. */
export type ScheduleStep = { atMs: number; serve?: Serve; rule?: string; enabled?: boolean }

export type FlagSpec = {
  name: string
  description?: string
  type: FlagType
  variants: Readonly<Record<string, Json>>
  /** False is the kill switch: everybody gets `off`. */
  enabled: boolean
  /** The variant of a switched-off flag; without one callers are told to use the value in their code. */
  off?: string
  /** Where no rule decides; null leaves it to the value in the caller's code. */
  default: Serve | null
  requires?: readonly Requirement[]
  rules?: readonly FlagRule[]
  /** A JsonLogic expression whose result names a variant, as flagd has them; in place of rules. */
  targeting?: Json
  schedule?: readonly ScheduleStep[]
  /** The attribute that rollouts hash; `targetingKey` if left out. */
  unit?: string
  /** Flags with one salt give a unit the same bucket; the flag's name if left out. */
  salt?: string
  metadata?: Readonly<Record<string, string | number | boolean>>
}

/** Units that several flags name together: listed, or all of whose conditions hold; never one that is excluded. */
export type SegmentSpec = {
  name: string
  description?: string
  include?: readonly string[]
  exclude?: readonly string[]
  when?: readonly Condition[]
}

export const targetingKey = 'targetingKey'

/** Every way in which a flag serves, by its place: `default`, `rule:NAME`, each again per step of the schedule. */
export function placeOf(rule: string | undefined): string {
  return rule === undefined ? 'default' : `rule:${rule}`
}

/** Segments that a flag's rules name. */
export function segmentsNamed(conditions: readonly Condition[]): string[] {
  return conditions.flatMap(condition => {
    if (condition.kind === 'segment') return [condition.segment]
    return condition.kind === 'any' ? segmentsNamed(condition.of) : []
  })
}
