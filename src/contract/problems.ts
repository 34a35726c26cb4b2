/** From a schema's complaint to sentences for the person who wrote the document. */
import type { z } from 'zod'
import { allowedMark } from './resources.ts'

export type FieldProblem = { path: string; message: string; value?: unknown; allowed?: readonly string[] }

type Issue = z.core.$ZodIssue

/** One problem per issue, with the path as a person writes it, the value found there and what is allowed. */
export function toProblems(error: { issues: readonly Issue[] }, input: unknown): FieldProblem[] {
  return error.issues.flatMap(issue => fromIssue(issue, input, []))
}

function fromIssue(issue: Issue, input: unknown, base: readonly PropertyKey[]): FieldProblem[] {
  const path = [...base, ...issue.path]
  const branches = issue.code === 'invalid_union' ? issue.errors.filter(branch => branch.length > 0) : []
  const closest = branches.toSorted((a, b) => depth(b) - depth(a))[0]
  if (closest !== undefined && depth(closest) > 0) return closest.flatMap(inner => fromIssue(inner, input, path))
  const [message = '', allowed] = (closest?.[0]?.message ?? issue.message).split(allowedMark)
  const found = valueAt(input, path)
  return [
    {
      path: writePath(path),
      message,
      ...(found !== undefined && { value: shorten(found) }),
      ...(allowedOf(issue, allowed) !== null && { allowed: allowedOf(issue, allowed) ?? [] }),
    },
  ]
}

function depth(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map(issue => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)))
}

function allowedOf(issue: Issue, listed: string | undefined): readonly string[] | null {
  if (listed !== undefined) return listed.split(', ')
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code === 'too_small') return [`at least ${issue.minimum}`]
  if (issue.code === 'too_big') return [`at most ${issue.maximum}`]
  if (issue.code === 'invalid_type') return [issue.expected]
  return null
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}

function shorten(value: unknown): unknown {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 200 ? value : `${text.slice(0, 200)}…`
}

/** `stages[0].canary.steps[1]`. */
export function writePath(path: readonly PropertyKey[]): string {
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else text += text === '' ? String(key) : `.${String(key)}`
  }
  return text
}
