/** Requests to the control API that served this page; answers are held against the schemas of the contract. */
import type { z } from 'zod'
import { problemSchema, type WireProblem } from '../../src/contract/wire/problem.ts'
import { askForKey, keySession } from './key.ts'

export type Ask = { method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'; path: string; body?: unknown }

/** What went wrong, as the page shows it: a problem document of the server, or one of the same form. */
export class AskError extends Error {
  readonly problem: WireProblem
  constructor(problem: WireProblem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** Throws an `AskError`, whatever it is that fails. `path` is from the root, such as /api/v1/endpoints. */
export async function ask<Schema extends z.ZodType>(
  { method = 'GET', path, body }: Ask,
  schema: Schema,
  signal?: AbortSignal,
): Promise<z.output<Schema>> {
  const { key } = keySession.current()
  const response = await reach(path, {
    method,
    cache: 'no-store',
    headers: {
      accept: 'application/json',
      'x-cutover-actor': 'dashboard',
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  })
  if (response.status === 401) askForKey(key)
  const said = await jsonOf(response)
  if (!response.ok) throw new AskError(problemOf(said, response))
  return understood(said, schema)
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw localProblem('unreachable', 'The server does not answer. It may have ended, or the way to it is cut.')
  }
}

async function jsonOf(response: Response): Promise<unknown> {
  if (response.status === 204) return null
  try {
    return await response.json()
  } catch {
    throw localProblem('not-understood', `${response.url} answered ${response.status}, but not as Cutover does.`)
  }
}

function problemOf(said: unknown, response: Response): WireProblem {
  const parsed = problemSchema.safeParse(said)
  if (parsed.success) return parsed.data
  return localProblem('not-understood', `The server answered ${response.status} and did not say why.`).problem
}

function understood<Schema extends z.ZodType>(said: unknown, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(said)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue === undefined ? '' : ` (${issue.path.join('.')}: ${issue.message})`
  throw localProblem('not-understood', `The answer is not what this page knows${where}; load the page anew.`)
}

function localProblem(code: string, detail: string): AskError {
  return new AskError({ type: `urn:cutover:${code}`, title: 'No answer', status: 0, detail, code })
}
