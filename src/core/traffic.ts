/**
 * The traffic table: which version serves a unit. Immutable, compiled once per change, swapped whole.
 * Weights are integers in parts per million; a unit's bucket falls into exactly one segment.
 */
import { type ContextPolicy, policyAmong } from './bandit/context-policy.ts'
import { CutoverError } from './errors.ts'
import { limits } from './limits.ts'
import { own } from './own.ts'
import type { Scope } from './scope.ts'
import type { MirrorBudget } from './stage-plans.ts'

/** Parts per million by version; the values sum to 1,000,000. */
export type Weights = Readonly<Record<string, number>>

/** Buckets from `startPpm` up to but without `endPpm` belong to `version`. */
export type Segment = { version: string; startPpm: number; endPpm: number }

/** A rule that chooses a version before weights do: the first whose header equals the value wins. */
export type MatchRule = { header: string; equals: string; version: string }

/** While it is set nobody is routed: callers wait up to `holdMs` for the next table, or are told when to come again. */
export type Gap = { holdMs: number; retryAfterMs: number }

/** Copies of what callers send, answered by a version that no caller hears of. */
export type Mirror = {
  version: string
  /** Share of units whose requests are copied; by their hash, so that a unit's requests stay together. */
  fractionPpm: number
  methods: readonly string[]
  /** Prefixes of the path as the model server gets it; null for any. */
  paths: readonly string[] | null
  budget: MirrorBudget
}

export type TrafficTable = {
  endpoint: string
  /** Counts the periods in which weights did not change; every assignment and observation belongs to one. */
  epoch: number
  salt: string
  segments: readonly Segment[]
  weights: Weights
  rules: readonly MatchRule[]
  /** The version that answers in place of one that has no ready instance. */
  stable: string
  /** The release that set this table, if one did. */
  release: string | null
  /** Left out where there is none; so in tables that were written down earlier. */
  gap?: Gap
  mirrors?: readonly Mirror[]
  /** Looked at before rules and weights: requests out of it take no part. */
  scope?: Scope
  /** Chooses by the features of a request, where these can be read; weights choose for the others. */
  policy?: ContextPolicy
}

/** What a stage adds to the table beside weights; null takes it away, left out leaves it as it is. */
export type RouteExtras = {
  gap?: Gap | null
  mirrors?: readonly Mirror[] | null
  rules?: readonly MatchRule[] | null
  /** It comes with weights. */
  policy?: null
}

/** The table of an endpoint on which one version serves everybody. */
export function soleTable(input: { endpoint: string; version: string; epoch: number; salt: string }): TrafficTable {
  const { endpoint, version, epoch, salt } = input
  const segments = [{ version, startPpm: 0, endPpm: limits.ppmTotal }]
  return {
    endpoint,
    epoch,
    salt,
    segments,
    weights: { [version]: limits.ppmTotal },
    rules: [],
    stable: version,
    release: null,
  }
}

/** Nothing is to be chosen by weights or a policy: one version serves all that no rule or scope takes out. */
export function isSole({ segments, policy }: TrafficTable): boolean {
  return segments.length === 1 && policy === undefined
}

/** Throws unless weights are whole, not negative and sum to 1,000,000. */
export function assertWeights(weights: Weights): void {
  let sum = 0
  for (const [version, ppm] of Object.entries(weights)) {
    if (!Number.isInteger(ppm) || ppm < 0) {
      throw new CutoverError('invalid-resource', `weight of ${version} is ${ppm} ppm; it must be a whole number from 0`)
    }
    sum += ppm
  }
  if (sum !== limits.ppmTotal) {
    throw new CutoverError('invalid-resource', `weights sum to ${sum} ppm; they must sum to ${limits.ppmTotal}`)
  }
}

export function weightsOf(segments: readonly Segment[]): Weights {
  const weights: Record<string, number> = {}
  for (const { version, startPpm, endPpm } of segments) weights[version] = (weights[version] ?? 0) + endPpm - startPpm
  return weights
}

/** The same weights once some versions have left: what they had goes to the stable one. */
export function withoutShares(weights: Weights, gone: readonly string[], stable: string): Weights {
  const freed = gone.reduce((sum, version) => sum + (weights[version] ?? 0), 0)
  const left = Object.entries(weights).filter(([version]) => !gone.includes(version))
  return { ...Object.fromEntries(left), [stable]: (weights[stable] ?? 0) + freed }
}

/** Half the sum of absolute differences: the least share of buckets that any change from `a` to `b` must move, in ppm. */
export function totalVariationPpm(a: Weights, b: Weights): number {
  const versions = new Set([...Object.keys(a), ...Object.keys(b)])
  let sum = 0
  for (const version of versions) sum += Math.abs((a[version] ?? 0) - (b[version] ?? 0))
  return sum / 2
}

/**
 * Segments for new weights that move exactly the total-variation distance: a version that loses weight gives up its
 * last buckets, a version that gains takes given-up buckets only, so no bucket moves between two that both keep theirs.
 */
export function moveSegments(segments: readonly Segment[], target: Weights): Segment[] {
  assertWeights(target)
  const kept: Segment[] = []
  const freed: Segment[] = []
  const room: Record<string, number> = { ...target }
  for (const segment of segments) {
    const available = own(room, segment.version) ?? 0
    const cutPpm = segment.startPpm + Math.min(available, segment.endPpm - segment.startPpm)
    room[segment.version] = available - (cutPpm - segment.startPpm)
    if (cutPpm > segment.startPpm) kept.push({ ...segment, endPpm: cutPpm })
    if (cutPpm < segment.endPpm) freed.push({ ...segment, startPpm: cutPpm })
  }
  const taken = fillFreed(
    freed,
    Object.entries(room).filter(([, ppm]) => ppm > 0),
  )
  const merged = mergeAdjacent([...kept, ...taken].sort((a, b) => a.startPpm - b.startPpm))
  if (merged.length > limits.segmentsMax) {
    throw new CutoverError(
      'invalid-resource',
      `the traffic table would have ${merged.length} segments; at most ${limits.segmentsMax}`,
    )
  }
  return merged
}

function fillFreed(freed: readonly Segment[], gains: readonly (readonly [string, number])[]): Segment[] {
  const taken: Segment[] = []
  const queue = gains.map(([version, ppm]) => ({ version, ppm }))
  for (const hole of freed) {
    let startPpm = hole.startPpm
    while (startPpm < hole.endPpm) {
      const gain = queue[0]
      if (gain === undefined) throw new Error('freed buckets exceed gains: weights do not sum to the whole')
      const endPpm = Math.min(hole.endPpm, startPpm + gain.ppm)
      taken.push({ version: gain.version, startPpm, endPpm })
      gain.ppm -= endPpm - startPpm
      if (gain.ppm === 0) queue.shift()
      startPpm = endPpm
    }
  }
  return taken
}

function mergeAdjacent(segments: readonly Segment[]): Segment[] {
  const merged: Segment[] = []
  for (const segment of segments) {
    const last = merged.at(-1)
    if (last !== undefined && last.version === segment.version && last.endPpm === segment.startPpm)
      last.endPpm = segment.endPpm
    else merged.push({ ...segment })
  }
  return merged
}

/** The next epoch's table with new weights; versions without traffic leave the policy too. The salt may change only while one version serves everybody: nobody moves then. */
export function moveTable(
  table: TrafficTable,
  change: { weights: Weights; stable: string; release: string | null; salt?: string; policy?: ContextPolicy },
): TrafficTable {
  const { weights, stable, release, salt, policy = table.policy } = change
  const segments = moveSegments(table.segments, weights)
  const saltMayChange = table.segments.length === 1
  return {
    ...table,
    epoch: table.epoch + 1,
    salt: salt !== undefined && saltMayChange ? salt : table.salt,
    segments,
    weights: weightsOf(segments),
    stable,
    release,
    ...(policy !== undefined && { policy: policyAmong(policy, version => (weights[version] ?? 0) > 0) }),
  }
}

/** The next epoch's table with the same weights and other extras. */
export function dressTable(table: TrafficTable, extras: RouteExtras, release: string | null): TrafficTable {
  const { gap = table.gap, mirrors = table.mirrors, rules = table.rules } = extras
  const { gap: _gap, mirrors: _mirrors, policy, ...bare } = table
  return {
    ...bare,
    epoch: table.epoch + 1,
    release,
    rules: rules ?? [],
    ...(gap != null && { gap }),
    ...(mirrors != null && mirrors.length > 0 && { mirrors }),
    ...(policy !== undefined && extras.policy !== null && { policy }),
  }
}

/** The same table for requests of the scope alone. */
export function scopeTable(table: TrafficTable, scope: Scope): TrafficTable {
  return { ...table, scope }
}

/** Without what a stage had added, in the same epoch: for a table that is about to move. */
export function bareTable(table: TrafficTable): TrafficTable {
  const { gap: _gap, mirrors: _mirrors, scope: _scope, policy: _policy, ...bare } = table
  return { ...bare, rules: [] }
}
