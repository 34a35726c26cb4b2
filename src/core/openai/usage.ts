/** What an answer in OpenAI's style, or one event of a stream of it, tells of its tokens and its content. */
import { parseSpan, scanObject } from '../json-members.ts'
import { isFault } from '../json-scanner.ts'
import type { TokenUsage } from '../measures.ts'

export type AnswerFacts = {
  usage: TokenUsage | null
  /** By which the next request of its conversation may name it. */
  id: string | null
}

/** Of a whole answer; of however long a text only these two members are read. */
export function factsOfAnswer(body: Uint8Array): AnswerFacts {
  const parts = scanObject(body)
  if (isFault(parts)) return { usage: null, id: null }
  const value = (name: string) => {
    const span = parts.members.get(name)
    return span === undefined ? undefined : parseSpan(body, span)
  }
  return { usage: toUsage(value('usage')), id: textOf(value('id')) }
}

/** What one event of a stream tells. */
export type EventFacts = {
  usage: TokenUsage | null
  /** It has text, arguments of a call or reasoning in it. */
  hasContent: boolean
  /** It tells usage and nothing else. */
  isUsageAlone: boolean
  /** It says that the answer has failed. */
  isFailure: boolean
  id: string | null
}

export function factsOfEvent(data: unknown): EventFacts {
  const choices = field(data, 'choices')
  const usage = toUsage(field(data, 'usage')) ?? toUsage(field(field(data, 'response'), 'usage'))
  return {
    usage,
    hasContent: Array.isArray(choices) ? choices.some(choiceHasContent) : isDelta(data),
    isUsageAlone: usage !== null && Array.isArray(choices) && choices.length === 0,
    isFailure: isSome(field(data, 'error')) || failures.has(String(field(data, 'type'))),
    // Events of the Responses API tell it within `response`.
    id: textOf(field(field(data, 'response') ?? data, 'id')),
  }
}

const failures: ReadonlySet<string> = new Set(['error', 'response.failed'])

/** Of completions the text, of chats what the delta holds besides its role. */
function choiceHasContent(choice: unknown): boolean {
  if (isFilled(field(choice, 'text'))) return true
  const delta = field(choice, 'delta')
  if (typeof delta !== 'object' || delta === null) return false
  return Object.entries(delta).some(([name, value]) => name !== 'role' && isFilled(value))
}

/** Events of the Responses API: `response.output_text.delta` and its like. */
function isDelta(data: unknown): boolean {
  return String(field(data, 'type')).endsWith('.delta') && isFilled(field(data, 'delta'))
}

function isFilled(value: unknown): boolean {
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0
  return typeof value === 'object' && value !== null
}

function isSome(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** Chats and completions count prompt and completion, the Responses API input and output; embeddings have no output. */
function toUsage(usage: unknown): TokenUsage | null {
  if (typeof usage !== 'object' || usage === null) return null
  const input = count(field(usage, 'prompt_tokens')) ?? count(field(usage, 'input_tokens'))
  const output = count(field(usage, 'completion_tokens')) ?? count(field(usage, 'output_tokens'))
  const total = count(field(usage, 'total_tokens'))
  if (input === null && output === null && total === null) return null
  const details = field(usage, 'prompt_tokens_details') ?? field(usage, 'input_tokens_details')
  return { input, output, total, cachedInput: count(field(details, 'cached_tokens')) ?? 0 }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function field(container: unknown, key: string): unknown {
  if (typeof container !== 'object' || container === null || !Object.hasOwn(container, key)) return undefined
  return (container as Record<string, unknown>)[key]
}
