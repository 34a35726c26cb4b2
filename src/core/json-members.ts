/**
 * Where the parts of a JSON text are, without reading their values: so that one member can be looked at or replaced and
 * every other byte stays as the caller wrote it. Strict (RFC 8259), bounded in depth; bytes of strings are not decoded.
 */
import { joinBytes } from './bytes.ts'
import { type JsonFault, openBrace, openBracket, Scanner, type Span } from './json-scanner.ts'
import { limits } from './limits.ts'

export type ObjectParts = {
  /** Of several members of one name the last one, as in JSON.parse. */
  members: ReadonlyMap<string, Span>
  /** Names that stand there more than once. */
  doubled: ReadonlySet<string>
  /** Behind the opening brace. */
  inside: number
}

/** All of `span` must be one object of no more than `limits.openAiMembersMax` members: of each a text and a place are made. */
export function scanObject(bytes: Uint8Array, span: Span = wholeOf(bytes)): ObjectParts | JsonFault {
  const scanner = new Scanner(bytes, span)
  const members = new Map<string, Span>()
  const doubled = new Set<string>()
  scanner.space()
  const inside = scanner.at + 1
  if (scanner.peek() !== openBrace) return { fault: 'is not a JSON object', at: scanner.at }
  let count = 0
  const isRead = scanner.object(0, (key, value) => {
    count += 1
    if (count > limits.openAiMembersMax) return
    const name = nameOf(bytes, key)
    if (members.has(name)) doubled.add(name)
    members.set(name, value)
  })
  if (!isRead || !scanner.ends()) return scanner.fault()
  if (count <= limits.openAiMembersMax) return { members, doubled, inside }
  return { fault: `has more than ${limits.openAiMembersMax} members`, at: inside - 1 }
}

/** Its first items, no more than so many. All of `span` must be one array; null if it is another value. */
export function scanArray(bytes: Uint8Array, span: Span, itemsMax: number): readonly Span[] | JsonFault | null {
  const scanner = new Scanner(bytes, span)
  const items: Span[] = []
  scanner.space()
  if (scanner.peek() !== openBracket) return null
  const isRead = scanner.array(0, item => {
    if (items.length < itemsMax) items.push(item)
  })
  return isRead && scanner.ends() ? items : scanner.fault()
}

/** The value as JSON.parse gives it, of a span that has been scanned. */
export function parseSpan(bytes: Uint8Array, { start, end }: Span): unknown {
  return JSON.parse(utf8.decode(bytes.subarray(start, end)))
}

/** The same of a text, a number, true, false or null; undefined for what may be long, of which nothing is made. */
export function plainValue(bytes: Uint8Array, span: Span | undefined): unknown {
  const first = span === undefined ? openBrace : bytes[span.start]
  return span === undefined || first === openBrace || first === openBracket ? undefined : parseSpan(bytes, span)
}

/** `text` takes the place of the bytes of `span`; nothing is replaced where these are none. */
export type Edit = Span & { text: string }

/** Edits must not overlap. */
export function splice(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return bytes
  const parts: Uint8Array[] = []
  let at = 0
  for (const { start, end, text } of [...edits].sort((a, b) => a.start - b.start)) {
    parts.push(bytes.subarray(at, start), encoder.encode(text))
    at = end
  }
  parts.push(bytes.subarray(at))
  return joinBytes(parts)
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

function wholeOf(bytes: Uint8Array): Span {
  return { start: 0, end: bytes.length }
}

export function nameOf(bytes: Uint8Array, key: Span): string {
  return String(parseSpan(bytes, key))
}
