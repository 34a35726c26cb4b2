/** From a schema's complaint to sentences for the person who wrote the document. */
import type { z } from 'zod'
import { allowedMark } from './resource-rules.ts'
import { shownAt } from './secrets.ts'

export type FieldProblem = { path: string; message: string; value?: unknown; allowed?: readonly string[] }

type Issue = z.core.$ZodIssue
type Found = { path: readonly PropertyKey[]; message: string; allowed: readonly string[] | null }

/** One problem per fault, with the path as a person writes it, the value found there and what is allowed. */
export function toProblems(
  error: { issues: readonly Issue[] },
  input: unknown,
  base: readonly PropertyKey[] = [],
): FieldProblem[] {
  const problems = error.issues
    .flatMap(issue => fromIssue(issue, input, []))
    .map(({ path, message, allowed }) => {
      const value = valueAt(input, path)
      const written = writePath([...base, ...path])
      return {
        path: written,
        message,
        // Hidden before it is cut short: of a text nobody could tell what stood in it.
        ...(value !== undefined && { value: shorten(shownAt(written, value)) }),
        ...(allowed !== null && { allowed }),
      }
    })
  const seen = new Set<string>()
  return problems.filter(({ path, message }) => !seen.has(`${path} ${message}`) && seen.add(`${path} ${message}`))
}

function fromIssue(issue: Issue, input: unknown, base: readonly PropertyKey[]): Found[] {
  const path = [...base, ...issue.path]
  if (issue.code === 'invalid_union') return fromUnion(issue, input, path)
  if (issue.code === 'invalid_key') return issue.issues.map(inner => ({ ...describe(inner, input, path), path }))
  if (issue.code === 'unrecognized_keys') {
    const { allowed } = describe(issue, input, path)
    return issue.keys.map(key => ({ path: [...path, key], message: 'is not a known key', allowed }))
  }
  return [describe(issue, input, path)]
}

/** Of the branches of a union the one that understood the input furthest is the one the person meant. */
function fromUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  input: unknown,
  path: readonly PropertyKey[],
): Found[] {
  const branches = issue.errors.filter(branch => branch.length > 0)
  const closest = branches.toSorted((a, b) => depth(b) - depth(a))[0]
  if (closest === undefined) return [describe(issue, input, path)]
  if (depth(closest) > 0) return closest.flatMap(inner => fromIssue(inner, input, path))
  const texts = branches.flatMap(branch => branch.slice(0, 1).map(inner => describe(inner, input, path)))
  const allowed = texts.flatMap(text => text.allowed ?? [])
  return [
    { path, message: texts[0]?.message ?? issue.message, allowed: allowed.length > 0 ? [...new Set(allowed)] : null },
  ]
}

function depth(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map(issue => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)))
}

function describe(issue: Issue, input: unknown, path: readonly PropertyKey[]): Found {
  const [message = '', listed] = issue.message.split(allowedMark)
  const isMissing = valueAt(input, path) === undefined && issue.code !== 'custom'
  const sentence = listed === undefined ? plain(issue, message) : message
  const isTold = sentence.startsWith('is missing')
  return { path, message: isMissing && !isTold ? 'is missing' : sentence, allowed: allowedOf(issue, listed) }
}

/** The library's own sentences name its types; a person wants what is wrong. */
function plain(issue: Issue, message: string): string {
  if (issue.code === 'invalid_type') return `is not ${withArticle(issue.expected)}`
  if (issue.code === 'invalid_value') return 'is not one of the known words'
  if (issue.code === 'too_small') return 'is too small'
  if (issue.code === 'too_big') return 'is too great'
  return message
}

function withArticle(type: string): string {
  const word = type === 'record' ? 'object' : type === 'int' ? 'integer' : type
  return /^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`
}

function allowedOf(issue: Issue, listed: string | undefined): readonly string[] | null {
  if (listed !== undefined) return listed.split(', ')
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code === 'too_small') return [`${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`]
  if (issue.code === 'too_big') return [`${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`]
  if (issue.code === 'invalid_type') return [issue.expected === 'record' ? 'object' : issue.expected]
  return null
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const key of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined
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
