/** Header fields as one text: lines `Name: value` in Latin-1, each with its CRLF, in the order and bytes in which they came. */

/** The first value of a field by lower-case name; undefined if there is none. */
export function fieldOf(lines: string, lowerName: string): string | undefined {
  const start = valueStart(lines.toLowerCase(), lowerName, 0)
  return start < 0 ? undefined : valueFrom(lines, start)
}

/** All values of a field, joined as RFC 9110, 5.3 says; undefined if there are none. `lower` are the same lines in lower case. */
export function joinedField(lines: string, lower: string, lowerName: string): string | undefined {
  let start = valueStart(lower, lowerName, 0)
  if (start < 0) return undefined
  let joined = valueFrom(lines, start)
  for (start = valueStart(lower, lowerName, start); start >= 0; start = valueStart(lower, lowerName, start)) {
    joined += `${lowerName === 'cookie' ? ';' : ','} ${valueFrom(lines, start)}`
  }
  return joined
}

/** Where the value begins, of the first such line from `from` on; -1 if there is none. */
function valueStart(lower: string, lowerName: string, from: number): number {
  if (from === 0 && lower.startsWith(lowerName) && lower.charCodeAt(lowerName.length) === colon) {
    return lowerName.length + 1
  }
  const at = lower.indexOf(`\n${lowerName}:`, from)
  return at < 0 ? -1 : at + lowerName.length + 2
}

const colon = 0x3a

function valueFrom(lines: string, start: number): string {
  return trimmed(lines, start, lines.indexOf('\r\n', start))
}

/** Without spaces and tabs around it, and with every other byte: `trim` would take 0xA0 too, with which a letter in UTF-8 may end. */
export function trimmed(lines: string, start = 0, end = lines.length): string {
  let from = start
  let to = end
  while (from < to && isBlank(lines.charCodeAt(from))) from += 1
  while (to > from && isBlank(lines.charCodeAt(to - 1))) to -= 1
  return lines.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Name, value, name, value … */
export function fieldPairs(lines: string): string[] {
  const pairs: string[] = []
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf('\r\n', start)
    const at = lines.indexOf(':', start)
    pairs.push(lines.slice(start, at), trimmed(lines, at + 1, end))
    start = end + 2
  }
  return pairs
}

/** The lines of such pairs. */
export function linesOf(pairs: readonly string[]): string {
  let lines = ''
  for (let at = 0; at + 1 < pairs.length; at += 2) lines += `${pairs[at]}: ${pairs[at + 1]}\r\n`
  return lines
}

/** Without the fields of these lower-case names. */
export function withoutFields(lines: string, isDropped: (lowerName: string) => boolean): string {
  let kept = ''
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf('\r\n', start) + 2
    if (!isDropped(lines.slice(start, lines.indexOf(':', start)).toLowerCase())) kept += lines.slice(start, end)
    start = end
  }
  return kept
}
