/** A Release document under another strategy: its own stage of that kind where it has one, the defaults where not. */
import type { StageKind } from '../core/stage-plans.ts'

export function withStrategy(release: unknown, kind: StageKind): unknown {
  const document = release as Readonly<Record<string, unknown>>
  return { ...document, stages: [stageOf(document, kind)] }
}

function stageOf({ stages, goals }: Readonly<Record<string, unknown>>, kind: StageKind): unknown {
  const written = Array.isArray(stages) ? stages.find(stage => isObject(stage) && stage[kind] !== undefined) : undefined
  return written ?? { [kind]: needed(kind, goals) }
}

/** What has no default: a test is about the first goal of the release. */
function needed(kind: StageKind, goals: unknown): Record<string, unknown> {
  if (kind !== 'abTest' || !isObject(goals)) return {}
  const [first] = Object.entries(goals)
  if (first === undefined) return {}
  const [metric, goal] = first
  // Its level is the test's own.
  const { alpha: _alpha, ...asked } = isObject(goal) ? goal : {}
  return { goal: { metric, ...asked } }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
