/** The body as one version's model server is to get it. Only the members that must change do; every other byte stays. */
import { type Edit, type ObjectParts, plainValue, scanObject, splice } from '../json-members.ts'
import { isFault, type Span } from '../json-scanner.ts'

export type UpstreamNeeds = {
  /** What the model server calls the model; null leaves what the caller wrote. */
  model: string | null
  /** Whether a stream is to tell how many tokens it took. */
  wantsUsage: boolean
}

/** `asksForUsage`: it was put in, so that the part of the stream that answers it is not the caller's. */
export type UpstreamBody = { body: Uint8Array; asksForUsage: boolean }

/** A body that is no JSON object goes on as it is: what is wrong with it is for the model server to say. */
export function upstreamBody(body: Uint8Array, needs: UpstreamNeeds): UpstreamBody {
  const parts = scanObject(body)
  if (isFault(parts)) return { body, asksForUsage: false }
  const usage = needs.wantsUsage && isStream(body, parts) ? usageEdit(body, parts) : null
  const model = needs.model === null ? null : modelEdit(parts, needs.model)
  const edits = [usage, model].filter(edit => edit !== null)
  return { body: splice(body, edits), asksForUsage: usage !== null }
}

function isStream(body: Uint8Array, { members }: ObjectParts): boolean {
  return plainValue(body, members.get('stream')) === true
}

function modelEdit({ members }: ObjectParts, model: string): Edit | null {
  const span = members.get('model')
  return span === undefined ? null : { ...span, text: JSON.stringify(model) }
}

/** Null where the caller asked for usage itself, or wrote something that is not for us to mend. */
function usageEdit(body: Uint8Array, parts: ObjectParts): Edit | null {
  const span = parts.members.get('stream_options')
  if (span === undefined) return inserted(parts, '"stream_options":{"include_usage":true}')
  if (plainValue(body, span) === null) return { ...span, text: '{"include_usage":true}' }
  return optionEdit(body, span)
}

function optionEdit(body: Uint8Array, options: Span): Edit | null {
  const parts = scanObject(body, options)
  if (isFault(parts)) return null
  const span = parts.members.get('include_usage')
  if (span === undefined) return inserted(parts, '"include_usage":true')
  const value = plainValue(body, span)
  return value === false || value === null ? { ...span, text: 'true' } : null
}

function inserted({ members, inside }: ObjectParts, member: string): Edit {
  return { start: inside, end: inside, text: members.size === 0 ? member : `${member},` }
}
