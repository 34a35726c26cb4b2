/** Flags from the domain to the wire. */
import type {
  WireExplanation,
  WireFlag,
  WireFlagChange,
  WireSegment,
  WireSegmentChange,
} from '../contract/wire/flag.ts'
import { conditionText } from '../core/flags/conditions.ts'
import type { Explanation } from '../core/flags/explain.ts'
import { type FlagSpec, type SegmentSpec, type Serve, segmentsNamed, targetingKey } from '../core/flags/flag.ts'
import type { FlagChange, FlagState, FlagsState } from '../core/flags/flags-state.ts'
import type { SegmentHistory } from '../core/flags/segment-history.ts'
import type { Use } from '../core/flags/uses.ts'
import { own } from '../core/own.ts'
import { isoTime } from './views.ts'

export function flagView({ spec, changes }: FlagState, uses: readonly Use[], nowMs: number): WireFlag {
  const last = changes.at(-1)
  return {
    name: spec.name,
    description: spec.description ?? null,
    type: spec.type,
    variants: { ...spec.variants },
    enabled: enabledAt(spec, nowMs),
    off: spec.off ?? null,
    serving: servingOrNull(serveAt(spec, undefined, spec.default, nowMs)),
    requires: (spec.requires ?? []).map(({ flag, is }) => ({ flag, is: [...is] })),
    rules: (spec.rules ?? []).map(({ name, when, serve }) => ({
      name,
      when: when.map(conditionText),
      serving: servingView(serveAt(spec, name, serve, nowMs) ?? serve),
    })),
    targeting: spec.targeting ?? null,
    schedule: (spec.schedule ?? []).map(({ atMs, rule, serve, enabled }) => ({
      at: isoTime(atMs),
      rule: rule ?? null,
      serving: servingOrNull(serve ?? null),
      enabled: enabled ?? null,
      past: atMs <= nowMs,
    })),
    usedBy: uses.map(({ kind, name, what, variants }) => ({ kind, name, what, variants: [...variants] })),
    unit: spec.unit ?? targetingKey,
    salt: spec.salt ?? spec.name,
    metadata: { ...spec.metadata },
    revision: last?.revision ?? 0,
    changedAt: isoTime(last?.atMs ?? 0),
    changedBy: last?.actor ?? '',
  }
}

function enabledAt({ enabled, schedule = [] }: FlagSpec, nowMs: number): boolean {
  return schedule.findLast(step => step.atMs <= nowMs && step.enabled !== undefined)?.enabled ?? enabled
}

function serveAt(
  { schedule = [] }: FlagSpec,
  rule: string | undefined,
  base: Serve | null,
  nowMs: number,
): Serve | null {
  const step = schedule.findLast(one => one.atMs <= nowMs && one.rule === rule && one.serve !== undefined)
  return step?.serve ?? base
}

function servingOrNull(serve: Serve | null): WireFlag['serving'] {
  return serve === null ? null : servingView(serve)
}

function servingView(serve: Serve): NonNullable<WireFlag['serving']> {
  return serve.kind === 'variant'
    ? { variant: serve.variant, weightsPpm: null, by: null }
    : { variant: null, weightsPpm: { ...serve.weights }, by: serve.by ?? null }
}

export function segmentView(spec: SegmentSpec, { flags, segmentHistories = {} }: FlagsState): WireSegment {
  const users = Object.values(flags).filter(flag =>
    (flag.spec.rules ?? []).some(({ when }) => segmentsNamed(when).includes(spec.name)),
  )
  const last = own(segmentHistories, spec.name)?.changes.at(-1)
  return {
    name: spec.name,
    description: spec.description ?? null,
    include: [...(spec.include ?? [])],
    exclude: [...(spec.exclude ?? [])],
    when: (spec.when ?? []).map(conditionText),
    usedBy: users.map(flag => flag.spec.name),
    revision: last?.revision ?? 1,
    changedAt: last === undefined ? null : isoTime(last.atMs),
    changedBy: last?.actor ?? null,
  }
}

type Differ<Spec> = (before: Spec, after: Spec) => readonly { path: string; before: unknown; after: unknown }[]

/** The newest first, each with what it changed. */
export function historyView(changes: readonly FlagChange[], differ: Differ<FlagSpec>): WireFlagChange[] {
  return changesView(changes, undefined, differ)
}

export function segmentHistoryView(
  { changes, before }: SegmentHistory,
  differ: Differ<SegmentSpec>,
): WireSegmentChange[] {
  return changesView(changes, before, differ)
}

/** `before`: what the first of them changed, if that is known. */
function changesView<Spec>(
  changes: readonly (Omit<FlagChange, 'spec' | 'layouts'> & { spec: Spec })[],
  before: Spec | undefined,
  differ: Differ<Spec>,
): WireFlagChange[] {
  return changes
    .map(({ revision, atMs, actor, how, note, spec }, index) => {
      const earlier = changes[index - 1]?.spec ?? before
      return {
        revision,
        at: isoTime(atMs),
        by: actor,
        how,
        note,
        differences: earlier === undefined ? [] : differ(earlier, spec).map(one => ({ ...one })),
      }
    })
    .toReversed()
}

export function explanationView(flag: string, explanation: Explanation): WireExplanation {
  const { evaluation, enabled, requires, rules, bucket } = explanation
  const { value, variant, reason, errorCode, detail, by } = evaluation
  return {
    flag,
    ...(value !== undefined && { value }),
    variant,
    reason,
    errorCode,
    detail,
    decidedBy: by,
    enabled,
    requires: requires.map(({ is, ...rest }) => ({ ...rest, is: [...is] })),
    rules: rules.map(({ conditions, ...rest }) => ({ ...rest, conditions: conditions.map(one => ({ ...one })) })),
    bucket,
  }
}
