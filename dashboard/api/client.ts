/** Requests to the control API that served this page; answers are held against the schemas of the contract. */
import type { z } from 'zod'
import { problemSchema, type WireProblem } from '../../src/contract/wire/problem.ts'
import { askForKey, keySession } from './key.ts'

export type Ask = { method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'; path: string; body?: unknown }

/** What is read is read again and again: what has not come by then says that the page is old. Changes may take longer. */
const readTimeoutMs = 15_000
const writeTimeoutMs = 60_000

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
  const timeoutMs = method === 'GET' ? readTimeoutMs : writeTimeoutMs
  const [response, text] = await reach(path, timeoutMs, {
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
  const said = jsonOf(response, text)
  if (!response.ok) throw new AskError(problemOf(said, response))
  return understood(said, schema)
}

/** The answer and all of its text, before the time is over. */
async function reach(path: string, timeoutMs: number, init: RequestInit): Promise<[Response, string]> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), timeoutMs)
  try {
    const signals = [late.signal, ...(init.signal == null ? [] : [init.signal])]
    const response = await fetch(path, { ...init, signal: AbortSignal.any(signals) })
    return [response, await response.text()]
  } catch (error) {
    if (late.signal.aborted)
      throw localProblem(
        'unreachable',
        `The server has not answered for ${timeoutMs / 1_000} s. What is shown may be old.`,
      )
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw localProblem('unreachable', 'The server does not answer. It may have ended, or the way to it is cut.')
  } finally {
    clearTimeout(timer)
  }
}

function jsonOf(response: Response, text: string): unknown {
  if (response.status === 204) return null
  try {
    return JSON.parse(text)
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
