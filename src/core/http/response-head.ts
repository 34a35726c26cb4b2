import { ownFieldPrefix } from '../http-fields.ts'
import { limits } from '../limits.ts'
import { beginsWith, byte, incomplete, isNamed, isValueByte, refused, tokensOf } from './chars.ts'
import { lengthOf } from './content-length.ts'
import { endOfLine, FieldLine } from './field-line.ts'
import { withoutFields } from './field-lines.ts'

/** Longer heads are read anew each time. */
const rememberedBytesMax = 1024

const statusLine = 'HTTP/1.# ###'

/**
 * The head of an answer: status line and header fields, as RFC 9112 has them and nothing looser. Lengths that contradict
 * each other, a transfer coding other than `chunked`, and a coding beside a length are refused. One object serves any
 * number of heads; what it holds is that of the last one.
 */
export class ResponseHead {
  status = 0
  /** The lines that go on to the caller, in Latin-1, each with CRLF; without those of the connection, of framing and Cutover's own. */
  fields = ''
  /** Content-Length; -1 for none. */
  length = -1
  isChunked = false
  /** Whether the connection outlives the answer, as far as its head tells. */
  persists = true
  /** How long the server keeps an idle connection; -1 if it does not say. */
  keepAliveS = -1
  /** What is wrong, after `refused`. */
  fault = ''
  #isOld = false
  #closes = false
  #count = 0
  /** Lines from here on are to be kept and are not in `fields` yet. */
  #keptFrom = 0
  /** Fields that are named by Connection, hence stay behind. */
  #hop: string[] | null = null
  readonly #line = new FieldLine()
  /** The bytes of the head that this holds; none where they are too many, or it was not whole. */
  #last: Buffer = Buffer.alloc(0)
  #lastBytes = 0

  /** Reads the head that begins at `start`: the position after it, `incomplete` or `refused`. */
  read(bytes: Buffer, start: number, end: number): number {
    if (this.#isRepeated(bytes, start, end)) return start + this.#lastBytes
    this.#reset()
    const last = Math.min(end, start + limits.headerBytesMax)
    let at = this.#readStatus(bytes, start, last)
    this.#keptFrom = at
    while (at >= 0 && at < last && bytes[at] !== byte.cr) at = this.#readField(bytes, at, last)
    const after = at < 0 ? at : endOfLine(bytes, at, last)
    if (after >= 0) return this.#finish(bytes, { start, at, after })
    if (after === incomplete && last - start < limits.headerBytesMax) return incomplete
    if (after === incomplete) return this.#refuse(`more than ${limits.headerBytesMax} bytes of header fields`)
    return this.fault === '' ? this.#refuse('a line that ends improperly') : refused
  }

  /** A server's heads are the same byte for byte while date and length are: what the last one said holds for this one too. */
  #isRepeated(bytes: Buffer, start: number, end: number): boolean {
    const length = this.#lastBytes
    if (length === 0 || end - start < length) return false
    const last = this.#last
    for (let at = 0; at < length; at += 1) if (bytes[start + at] !== last[at]) return false
    return true
  }

  #remember(bytes: Buffer, start: number, after: number): void {
    const length = after - start
    if (length > rememberedBytesMax) return
    if (length > this.#last.length) this.#last = Buffer.allocUnsafe(length)
    bytes.copy(this.#last, 0, start, after)
    this.#lastBytes = length
  }

  #reset(): void {
    this.#lastBytes = 0
    this.status = 0
    this.fields = ''
    this.length = -1
    this.isChunked = false
    this.persists = true
    this.keepAliveS = -1
    this.fault = ''
    this.#closes = false
    this.#count = 0
    this.#hop = null
  }

  #readStatus(bytes: Buffer, start: number, end: number): number {
    for (let index = 0; index < statusLine.length; index += 1) {
      if (start + index >= end) return incomplete
      if (!fitsStatusLine(index, bytes[start + index] ?? 0)) return this.#refuse('no HTTP/1.1 status line')
    }
    this.#isOld = bytes[start + 7] === byte.zero
    this.persists = !this.#isOld
    this.status = lengthOf(bytes, start + 9, start + 12)
    let at = start + statusLine.length
    if (at < end && bytes[at] !== byte.space && bytes[at] !== byte.cr) return this.#refuse('no HTTP/1.1 status line')
    while (at < end && isValueByte[bytes[at] as number] === 1) at += 1
    const next = endOfLine(bytes, at, end)
    return next === refused ? this.#refuse('a control character in the status line') : next
  }

  #readField(bytes: Buffer, start: number, end: number): number {
    const line = this.#line
    const next = line.read(bytes, start, end)
    if (next === refused) return this.#refuse(line.fault)
    if (next === incomplete) return incomplete
    this.#count += 1
    if (this.#count > limits.headerFieldsMax) return this.#refuse(`more than ${limits.headerFieldsMax} header fields`)
    if (this.#staysBehind(bytes, start) || isOwn(bytes, start, line.nameEnd)) {
      if (start > this.#keptFrom) this.fields += bytes.toString('latin1', this.#keptFrom, start)
      this.#keptFrom = next
    }
    return this.fault === '' ? next : refused
  }

  /** Takes note of a field of the connection or of framing; their names are told apart by length first. */
  #staysBehind(bytes: Buffer, start: number): boolean {
    const end = this.#line.nameEnd
    switch (end - start) {
      case 2:
        return isNamed(bytes, start, end, 'te')
      case 7:
        return isNamed(bytes, start, end, 'trailer') || isNamed(bytes, start, end, 'upgrade')
      case 10:
        if (isNamed(bytes, start, end, 'connection')) return this.#noteConnection(bytes)
        return isNamed(bytes, start, end, 'keep-alive') && this.#noteKeepAlive(bytes)
      case 14:
        return isNamed(bytes, start, end, 'content-length') && this.#noteLength(bytes)
      case 16:
        return isNamed(bytes, start, end, 'proxy-connection')
      case 17:
        return isNamed(bytes, start, end, 'transfer-encoding') && this.#noteCoding(bytes)
      case 18:
        return isNamed(bytes, start, end, 'proxy-authenticate')
      case 19:
        return isNamed(bytes, start, end, 'proxy-authorization')
      default:
        return false
    }
  }

  /** `close` wins over `keep-alive`, whatever the order. */
  #noteConnection(bytes: Buffer): boolean {
    const { valueStart, valueEnd } = this.#line
    if (isNamed(bytes, valueStart, valueEnd, 'keep-alive')) this.persists = !this.#closes
    else for (const token of tokensOf(bytes.toString('latin1', valueStart, valueEnd))) this.#noteToken(token)
    return true
  }

  #noteToken(token: string): void {
    if (token === 'close') this.#closes = true
    else if (token === 'keep-alive') this.persists = true
    else this.#hop = [...(this.#hop ?? []), token]
    if (this.#closes) this.persists = false
  }

  #noteKeepAlive(bytes: Buffer): boolean {
    const { valueStart, valueEnd } = this.#line
    const stated = /(?:^|[ ,;])timeout=(\d{1,6})/i.exec(bytes.toString('latin1', valueStart, valueEnd))
    if (stated !== null) this.keepAliveS = Number(stated[1])
    return true
  }

  #noteLength(bytes: Buffer): boolean {
    const { valueStart, valueEnd } = this.#line
    const length = lengthOf(bytes, valueStart, valueEnd)
    if (length === -1) this.fault = 'a Content-Length that is no number'
    else if (this.length !== -1 && this.length !== length) this.fault = 'several lengths'
    else if (this.isChunked) this.fault = 'both a length and a transfer coding'
    this.length = length
    return true
  }

  #noteCoding(bytes: Buffer): boolean {
    const { valueStart, valueEnd } = this.#line
    // A tab behind it is white space by the letter, and to llhttp another coding: what can be read two ways is refused.
    const isChunked = isNamed(bytes, valueStart, valueEnd, 'chunked') && !hasTab(bytes, valueEnd)
    if (!isChunked) this.fault = 'a transfer coding that is not chunked'
    else if (this.isChunked) this.fault = 'several transfer codings'
    else if (this.length !== -1) this.fault = 'both a length and a transfer coding'
    this.isChunked = true
    return true
  }

  #finish(bytes: Buffer, { start, at, after }: { start: number; at: number; after: number }): number {
    if (this.isChunked && this.#isOld) return this.#refuse('a transfer coding in HTTP/1.0')
    if (at > this.#keptFrom) this.fields += bytes.toString('latin1', this.#keptFrom, at)
    const hop = this.#hop
    if (hop !== null) this.fields = withoutFields(this.fields, name => hop.includes(name))
    this.#remember(bytes, start, after)
    return after
  }

  #refuse(fault: string): number {
    this.fault = fault
    return refused
  }
}

/** Between the end of a value and the end of its line. */
function hasTab(bytes: Buffer, valueEnd: number): boolean {
  let at = valueEnd
  while (bytes[at] === byte.space) at += 1
  return bytes[at] === byte.tab
}

function isOwn(bytes: Buffer, start: number, end: number): boolean {
  return end - start > ownFieldPrefix.length && beginsWith(bytes, start, ownFieldPrefix)
}

function fitsStatusLine(index: number, code: number): boolean {
  if (index === 7) return code === 0x30 || code === 0x31
  if (index === 9) return code >= 0x31 && code <= 0x35
  if (index > 9) return code >= 0x30 && code <= 0x39
  return code === statusLine.charCodeAt(index)
}
