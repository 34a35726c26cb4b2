/**
 * The repository extension's index: every version of every endpoint that speaks the protocol and that the
 * caller may call, and whether it can answer.
 */
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { mayKnow } from '../authorise.ts'
import type { GatewayContext } from '../context.ts'
import type { Inbound, Visit } from '../inbound.ts'
import { sendJson } from '../json-answer.ts'

type Entry = { name: string; version: string; state: 'READY' | 'UNAVAILABLE'; reason: string }

export async function serveRepositoryIndex(
  context: GatewayContext,
  { inbound, outbound, principal }: Visit,
): Promise<void> {
  const onlyReady = await asksForReady(inbound)
  const entries = entriesOf(context, principal).filter(({ state }) => !onlyReady || state === 'READY')
  sendJson(outbound, 200, entries)
}

function entriesOf({ routes, fleets }: GatewayContext, principal: Visit['principal']): Entry[] {
  return [...routes.all()].flatMap(({ spec, versions }) => {
    if (spec.protocol !== 'open-inference' || !mayKnow(principal, spec.name)) return []
    return versions.map(version => ({ name: spec.name, version, ...stateOf(fleets.readyCount(spec.name, version)) }))
  })
}

function stateOf(readyInstances: number): Pick<Entry, 'state' | 'reason'> {
  if (readyInstances > 0) return { state: 'READY', reason: '' }
  return { state: 'UNAVAILABLE', reason: 'it has no ready instance' }
}

/** The body is `{}` or `{"ready": boolean}`; it may be left out. */
async function asksForReady(inbound: Inbound): Promise<boolean> {
  if (inbound.bodyKind === 'none') return false
  const text = (await inbound.wholeBody(limits.repositoryQuestionBytesMax)).toString('utf8')
  const ready = readyOf(text)
  if (typeof ready === 'boolean') return ready
  throw new CutoverError('invalid-request', 'the body must be a JSON object, with "ready" true, false or left out')
}

function readyOf(text: string): unknown {
  try {
    const question: unknown = JSON.parse(text)
    const isObject = typeof question === 'object' && question !== null && !Array.isArray(question)
    return isObject ? ((question as { ready?: unknown }).ready ?? false) : null
  } catch {
    return null
  }
}
