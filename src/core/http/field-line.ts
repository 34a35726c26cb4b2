import { byte, incomplete, isNamed, isTokenByte, isValueByte, refused } from './chars.ts'

/**
 * One `name: value CRLF` of a head, found in place. The name is a token right before the colon; folded lines, bare CR,
 * bare LF, NUL and other control characters are refused. One object serves any number of lines.
 */
export class FieldLine {
  nameEnd = 0
  valueStart = 0
  /** Without white space at the end. */
  valueEnd = 0
  fault = ''

  /** The position after the line that begins at `start`, `incomplete` or `refused`. */
  read(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end && isTokenByte[bytes[at] as number] === 1) at += 1
    if (at === end) return incomplete
    if (at === start || bytes[at] !== byte.colon) return this.#refuse('a header field without a proper name')
    this.nameEnd = at
    at += 1
    while (at < end && isBlank(bytes[at])) at += 1
    this.valueStart = at
    while (at < end && isValueByte[bytes[at] as number] === 1) at += 1
    this.valueEnd = at
    const next = endOfLine(bytes, at, end)
    if (next === refused) return this.#refuse('a control character in a header field')
    while (this.valueEnd > this.valueStart && isBlank(bytes[this.valueEnd - 1])) this.valueEnd -= 1
    return next
  }

  #refuse(fault: string): number {
    this.fault = fault
    return refused
  }
}

/** The position after the CRLF at `at`. */
export function endOfLine(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return incomplete
  if (bytes[at] !== byte.cr) return refused
  if (at + 1 >= end) return incomplete
  return bytes[at + 1] === byte.lf ? at + 2 : refused
}

/** What tells where a message ends may stand in its head alone. */
export function isFramingField(bytes: Uint8Array, start: number, end: number): boolean {
  return isNamed(bytes, start, end, 'content-length') || isNamed(bytes, start, end, 'transfer-encoding')
}

export function isBlank(code: number | undefined): boolean {
  return code === byte.space || code === byte.tab
}
