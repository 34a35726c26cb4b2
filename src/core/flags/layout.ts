/**
 * Where the variants of a rollout lie on the buckets. A layout is moved from the one before it, as a traffic table is, so
 * that raising a share takes no unit back and a change moves no more units than it must, for any number of variants.
 */
import { limits } from '../limits.ts'
import { moveSegments, type Segment, type Weights } from '../traffic.ts'
import { type FlagSpec, placeOf, type Serve } from './flag.ts'

export type Layout = readonly Segment[]

/** Of the rollouts of a flag, by place: the base's, then `STEP:PLACE` for each step of the schedule that sets one. */
export type Layouts = Readonly<Record<string, Layout>>

export function stepPlace(step: number, place: string): string {
  return `${step}:${place}`
}

/** What is in force at a moment, which is what a change moves from. */
export function layoutsAt(spec: FlagSpec, layouts: Layouts, atMs: number): Layouts {
  const now: Record<string, Layout> = {}
  for (const [place, serve] of servesOf(spec)) now[place] = layoutOf(serve, layouts[place])
  for (const [index, step] of (spec.schedule ?? []).entries()) {
    if (step.atMs > atMs || step.serve === undefined) continue
    const place = placeOf(step.rule)
    now[place] = layoutOf(step.serve, layouts[stepPlace(index, place)])
  }
  return now
}

/**
 * Every rollout of the flag, moved from what was in force; steps to come one after another. Steps that have passed by
 * `atMs` are no stops on the way: by way of a share of before, units would lose what they have and get it back otherwise.
 */
export function moveLayouts(spec: FlagSpec, before: Layouts, atMs: number): Layouts {
  const layouts: Record<string, Layout> = {}
  const now: Record<string, Layout> = { ...before }
  const place = (key: string, where: string, serve: Serve, from: Layout | undefined): void => {
    const moved = movedOf(serve, from, spec)
    if (serve.kind === 'rollout') layouts[key] = moved
    now[where] = moved
  }
  for (const [where, serve] of servesOf(spec)) place(where, where, serve, before[where])
  for (const [index, step] of (spec.schedule ?? []).entries()) {
    const where = placeOf(step.rule)
    const from = step.atMs <= atMs ? (before[where] ?? now[where]) : now[where]
    if (step.serve !== undefined) place(stepPlace(index, where), where, step.serve, from)
  }
  return layouts
}

function servesOf(spec: FlagSpec): (readonly [string, Serve])[] {
  const rules = (spec.rules ?? []).map(({ name, serve }) => [placeOf(name), serve] as const)
  return spec.default === null ? rules : [[placeOf(undefined), spec.default], ...rules]
}

function layoutOf(serve: Serve, layout: Layout | undefined): Layout {
  return serve.kind === 'variant' ? whole(serve.variant) : (layout ?? fresh(serve.weights, undefined))
}

/** After thousands of changes of several variants a layout may be in too many pieces: it is laid out anew. */
function movedOf(serve: Serve, before: Layout | undefined, spec: FlagSpec): Layout {
  if (serve.kind === 'variant') return whole(serve.variant)
  const isWorn = before === undefined || before.length > limits.segmentsMax / 2
  return isWorn ? fresh(serve.weights, spec.off) : moveSegments(before, serve.weights)
}

/** As if everybody had had the variant of a switched-off flag before, or the one named last. */
function fresh(weights: Weights, off: string | undefined): Layout {
  const names = Object.keys(weights)
  const base = off !== undefined && names.includes(off) ? off : names.at(-1)
  if (base === undefined) throw new Error('a rollout without variants passed the contract')
  return moveSegments(whole(base), weights)
}

function whole(variant: string): Layout {
  return [{ version: variant, startPpm: 0, endPpm: limits.ppmTotal }]
}
