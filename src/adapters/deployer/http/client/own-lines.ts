import { withoutFields } from '../../../../core/http/field-lines.ts'
import { connectionFields, hopRequestFields } from '../../../../core/http-fields.ts'

/** Fields that are ours to write: another one of these would make two requests out of one, or send it elsewhere. */
const ours: ReadonlySet<string> = new Set([...connectionFields, ...hopRequestFields, 'content-length'])
const lengths = Uint8Array.from(new Set([...ours].map(name => name.length)))

const colon = 0x3a
const cr = 0x0d
/** Beyond Latin-1 a character would lose its upper half, and may turn into the end of a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of one byte is meant
const beyondLatin1 = /[^\x00-\xff]/

/** The lines without those that are ours. Callers leave these out as a rule, so finding none must cost next to nothing. */
export function withoutOurs(lines: string): string {
  return hasOurs(lines) ? withoutFields(lines, name => ours.has(name)) : lines
}

/** What is wrong with `lines`, which `withoutOurs` made of `fields`; null for nothing. */
export function faultOfLines(fields: string, lines: string): string | null {
  if (lines === '') return null
  if (beyondLatin1.test(lines)) return 'a header field has characters beyond Latin-1'
  if (!lines.endsWith('\r\n')) return 'the header fields do not end with a line'
  if (hasEmptyLine(lines)) return 'there is an empty line among the header fields'
  return fields !== lines && hasOurs(lines) ? 'a header field is hidden in another one' : null
}

function hasOurs(lines: string): boolean {
  for (let start = 0; start < lines.length; start = lines.indexOf('\n', start) + 1 || lines.length) {
    if (isOurs(lines, start)) return true
  }
  return false
}

function isOurs(lines: string, start: number): boolean {
  for (let at = 0; at < lengths.length; at += 1) {
    const length = lengths[at] as number
    if (lines.charCodeAt(start + length) !== colon) continue
    if (ours.has(lines.slice(start, start + length).toLowerCase())) return true
  }
  return false
}

function hasEmptyLine(lines: string): boolean {
  return lines.charCodeAt(0) === cr || lines.includes('\n\r') || lines.includes('\n\n')
}
