/** Speaks to a server's listeners; every refusal becomes a fault that a person can read. */
import type { WireProblem } from '../contract/wire.ts'
import { CliFault, exit, faultOf } from './outcome.ts'

const requestTimeoutMs = 120_000

export interface Client {
  readonly url: string
  get<Answer>(path: string): Promise<Answer>
  post<Answer>(path: string, body: unknown): Promise<Answer>
  delete(path: string): Promise<void>
}

export function createClient(url: string): Client {
  const base = url.replace(/\/+$/, '')
  const ask = async (method: string, path: string, body?: unknown): Promise<string> => {
    const headers = {
      accept: 'application/json',
      'x-cutover-actor': 'cli',
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(requestTimeoutMs) }
    if (body !== undefined) init.body = JSON.stringify(body)
    const response = await fetch(`${base}${path}`, init).catch((error: unknown) => {
      throw unreachable(base, error)
    })
    const text = await response.text()
    if (response.ok) return text
    throw refusal(`${method} ${base}${path}`, response.status, text)
  }
  return {
    url: base,
    get: async <Answer>(path: string) => JSON.parse(await ask('GET', path)) as Answer,
    post: async <Answer>(path: string, body: unknown) => JSON.parse(await ask('POST', path, body)) as Answer,
    delete: async path => {
      await ask('DELETE', path)
    },
  }
}

function unreachable(base: string, error: unknown): CliFault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
  return new CliFault(
    `no server answers at ${base} (${cause}); start one with \`cutover serve -c cutover.yaml\`, or name another with --server URL`,
    { exitCode: exit.failed, code: 'unreachable' },
  )
}

function refusal(what: string, status: number, text: string): CliFault {
  try {
    const problem = JSON.parse(text) as WireProblem
    if (typeof problem.detail === 'string') return faultOf({ ...problem, status })
  } catch {
    // Not one of our own answers.
  }
  return new CliFault(`${what} answered ${status}: ${text.slice(0, 500)}`, { exitCode: exit.failed })
}
