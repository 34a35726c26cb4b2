/** Header fields as flat lists (name, value, name, value …), so that order, case and repetition survive. */
import { connectionFields, hopRequestFields } from '../../../core/http-fields.ts'

/** The fields that go to the model server. A length is kept only where the body is a stream; undici knows the others. */
export function requestFields(headers: readonly string[], bodyIsStream: boolean): string[] {
  const fields: string[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const lower = name.toLowerCase()
    if (connectionFields.has(lower) || hopRequestFields.has(lower)) continue
    if (lower === 'content-length' && !bodyIsStream) continue
    fields.push(name, headers[at + 1] ?? '')
  }
  return fields
}

/** The fields of an answer, byte for byte (each byte is one character), without those of the connection. */
export function responseFields(raw: readonly (Buffer | string)[]): string[] {
  const texts = raw.map(part => (typeof part === 'string' ? part : part.toString('latin1')))
  const named = namedByConnection(texts)
  const fields: string[] = []
  for (let at = 0; at + 1 < texts.length; at += 2) {
    const name = texts[at] ?? ''
    const lower = name.toLowerCase()
    if (connectionFields.has(lower) || named?.has(lower) === true) continue
    fields.push(name, texts[at + 1] ?? '')
  }
  return fields
}

/** `Connection: close, x-hop` makes `x-hop` a field of the connection too. */
function namedByConnection(texts: readonly string[]): Set<string> | null {
  let named: Set<string> | null = null
  for (let at = 0; at + 1 < texts.length; at += 2) {
    if (texts[at]?.toLowerCase() !== 'connection') continue
    named ??= new Set()
    for (const token of (texts[at + 1] ?? '').split(',')) named.add(token.trim().toLowerCase())
  }
  return named
}
