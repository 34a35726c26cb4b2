import { withoutFields } from '../../../../core/http/field-lines.ts'
import { connectionFields, hopRequestFields } from '../../../../core/http-fields.ts'

/** Fields that are ours to write: another one of these would make two requests out of one, or send it elsewhere. */
const ours: ReadonlySet<string> = new Set([...connectionFields, ...hopRequestFields, 'content-length'])
/** By the code of their first letter, in either case: most lines are told apart by it. */
const oursByLetter: readonly (readonly string[] | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const names = [...ours].filter(name => name.charCodeAt(0) === (code | 0x20))
  return names.length === 0 ? undefined : names
})

const colon = 0x3a
/** Names are tokens. Characters are of one byte: beyond Latin-1 one would lose its upper half, and may turn into the end of a line. */
const wholeLines = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/

/** Whether these are lines, each with its end, and nothing that a server might take for another end. */
export function areLines(fields: string): boolean {
  return wholeLines.test(fields)
}

/** The lines without those that are ours. Callers leave these out as a rule, so finding none must cost next to nothing. */
export function withoutOurs(lines: string): string {
  return hasOurs(lines) ? withoutFields(lines, name => ours.has(name)) : lines
}

function hasOurs(lines: string): boolean {
  for (let start = 0; start < lines.length; start = lines.indexOf('\n', start) + 1 || lines.length) {
    if (isOurs(lines, start)) return true
  }
  return false
}

function isOurs(lines: string, start: number): boolean {
  const names = oursByLetter[lines.charCodeAt(start)]
  if (names === undefined) return false
  for (const name of names) {
    const end = start + name.length
    if (lines.charCodeAt(end) === colon && lines.slice(start, end).toLowerCase() === name) return true
  }
  return false
}
