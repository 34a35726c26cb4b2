/** What the gateway reads of a request in OpenAI's style: the member that names the endpoint, and whose request it is. */
import type { Problem } from '../errors.ts'
import { plainValue, scanArray, scanObject } from '../json-members.ts'
import { isFault, openBrace, type Span } from '../json-scanner.ts'
import { limits } from '../limits.ts'

export type OpenAiRequest = {
  /** Names the endpoint. */
  model: string
  isStream: boolean
  /** Who the caller says it is for: `user`, or its successor `safety_identifier`. */
  user: string | null
  /** The id of the conversation that it belongs to, which its provider keeps. */
  conversation: string | null
  /** The answer that it follows, which its provider keeps. */
  previousResponse: string | null
  /** The first message of a user in `messages`: the same in every turn of one conversation. */
  firstMessage: Span | null
}

/** Where two of one name could be read as either, so that gateway and model server might differ. */
const onceOnly = ['model', 'stream', 'stream_options', 'user', 'safety_identifier', 'conversation'] as const
const alsoOnce = ['previous_response_id', 'messages'] as const

/** A problem where the body cannot be understood. */
export function readOpenAiRequest(body: Uint8Array): OpenAiRequest | Problem {
  const parts = scanObject(body)
  if (isFault(parts)) return { path: '', message: `the body ${parts.fault}, at byte ${parts.at}` }
  const doubled = [...onceOnly, ...alsoOnce].find(name => parts.doubled.has(name))
  if (doubled !== undefined) return { path: doubled, message: `the body has ${doubled} more than once` }
  const value = (name: string) => plainValue(body, parts.members.get(name))
  const model = value('model')
  if (typeof model !== 'string' || model === '') return { path: 'model', message: missingModel }
  return {
    model,
    isStream: value('stream') === true,
    user: textOf(value('user')) ?? textOf(value('safety_identifier')),
    conversation: idOf(body, parts.members.get('conversation')),
    previousResponse: textOf(value('previous_response_id')),
    firstMessage: firstMessage(body, parts.members.get('messages')),
  }
}

const missingModel = 'the body needs `model`, a text: the name of an endpoint'

export function isProblem(read: OpenAiRequest | Problem): read is Problem {
  return 'message' in read
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** A conversation is given by its id or as an object that holds it. */
function idOf(body: Uint8Array, span: Span | undefined): string | null {
  if (span === undefined || body[span.start] !== openBrace) return textOf(plainValue(body, span))
  const parts = scanObject(body, span)
  return isFault(parts) ? null : textOf(plainValue(body, parts.members.get('id')))
}

function firstMessage(body: Uint8Array, messages: Span | undefined): Span | null {
  const items = messages === undefined ? null : scanArray(body, messages, limits.openAiMessagesReadMax)
  if (items === null || isFault(items)) return null
  return items.find(item => roleOf(body, item) === 'user') ?? null
}

function roleOf(body: Uint8Array, message: Span): unknown {
  const parts = scanObject(body, message)
  return isFault(parts) ? undefined : plainValue(body, parts.members.get('role'))
}
