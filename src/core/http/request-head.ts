/**
 * The head of a plain request, read from bytes. It knows one form, the one that nearly all requests have: HTTP/1.1, a path,
 * one Host, a body of a length, in chunks or none, nothing that changes the connection. Whatever else may come, well-formed or not, is
 * `unusual` and left to a parser that knows all of HTTP. So it is stricter than that parser and never laxer: what is
 * plain here means the same there, which a differential test holds.
 */
import { ownFieldPrefix } from '../http-fields.ts'
import { limits } from '../limits.ts'
import { beginsWith, byte, incomplete, isHostByte, isNamed, isTargetByte, isTokenByte, isValueByte } from './chars.ts'
import { lengthOf } from './content-length.ts'
import { isBlank } from './field-line.ts'

/** Filled by `parseRequestHead`; used again for the next request. */
export class RequestHead {
  method = ''
  /** Path and query as they came. */
  target = ''
  /** All field lines, Latin-1, each with its CRLF. */
  lines = ''
  /** Those that may be passed on: without Host, the length, and what belongs to the connection or to Cutover. */
  passedOn = ''
  bodyBytes = 0
  /** The body comes in chunks, and no length is stated. */
  isChunked = false
  /** The caller wants the connection closed after the answer. */
  closes = false
  /** There is a field `x-cutover-…`. */
  hasOwnFields = false
  hasTrace = false
  /** A bit for each length of a field's name, modulo 32: most fields that are asked for are not there, which this tells at once. */
  nameLengths = 0
}

export const unusual = -2

/** Where the head ends in `bytes`, or `incomplete`, or `unusual`. Reads from `start` up to, but without, `end`. */
export function parseRequestHead(bytes: Buffer, start: number, end: number, head: RequestHead): number {
  const methodEnd = tokenEnd(bytes, start, Math.min(end, start + methodBytesMax + 1))
  if (methodEnd === end) return incomplete
  if (methodEnd === start || bytes[methodEnd] !== byte.space) return unusual
  const targetStart = methodEnd + 1
  if (targetStart < end && bytes[targetStart] !== slash) return unusual
  let at = targetStart
  while (at < end && isTargetByte[bytes[at] as number] === 1) at += 1
  if (end - at < versionBytes.length) return isVersionSoFar(bytes, at, end) ? incomplete : unusual
  if (!isVersionSoFar(bytes, at, at + versionBytes.length)) return unusual
  const linesStart = at + versionBytes.length
  const headEnd = parseFields(bytes, linesStart, end, head)
  if (headEnd < 0) return headEnd
  if (headEnd - start > limits.headerBytesMax) return unusual
  head.method = methodText(bytes, start, methodEnd)
  if (!plainMethods.has(head.method)) return unusual
  head.target = bytes.toString('latin1', targetStart, at)
  return headEnd
}

const methodBytesMax = 24
const slash = 0x2f
const versionBytes = Buffer.from(' HTTP/1.1\r\n', 'latin1')

function tokenEnd(bytes: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && isTokenByte[bytes[at] as number] === 1) at += 1
  return at
}

function isVersionSoFar(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] !== versionBytes[at - start]) return false
  return true
}

/** Others change what a body or an answer means, or are unknown to the parser that knows all of HTTP. */
const plainMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** The two that nearly all requests have need no text of their own. */
function methodText(bytes: Buffer, start: number, end: number): string {
  if (
    end - start === 4 &&
    bytes[start] === 0x50 &&
    bytes[start + 1] === 0x4f &&
    bytes[start + 2] === 0x53 &&
    bytes[start + 3] === 0x54
  )
    return 'POST'
  if (end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) return 'GET'
  return bytes.toString('latin1', start, end)
}

/** Start and end of each run of lines that may be passed on, in bytes. */
const runs = new Int32Array(2 * (limits.plainFieldsMax + 1))

function parseFields(bytes: Buffer, linesStart: number, end: number, head: RequestHead): number {
  let hosts = 0
  let lengths = 0
  let codings = 0
  let runsUsed = 0
  let runStart = linesStart
  let offer = 0
  head.bodyBytes = 0
  head.closes = false
  head.hasOwnFields = false
  head.hasTrace = false
  let nameLengths = 0
  let at = linesStart
  for (let fields = 0; ; fields += 1) {
    if (end - at < 2)
      return at < end && bytes[at] !== byte.cr && isTokenByte[bytes[at] as number] !== 1 ? unusual : incomplete
    if (bytes[at] === byte.cr) {
      if (bytes[at + 1] !== byte.lf || hosts !== 1 || (offer !== 0 && offer !== wholeOffer)) return unusual
      if (lengths + codings > 1) return unusual
      break
    }
    if (fields === limits.plainFieldsMax) return unusual
    const lineStart = at
    at = tokenEnd(bytes, at, end)
    if (at === end) return incomplete
    if (at === lineStart || bytes[at] !== byte.colon) return unusual
    const nameEnd = at
    nameLengths |= 1 << (nameEnd - lineStart)
    at += 1
    while (at < end && isValueByte[bytes[at] as number] === 1) at += 1
    if (end - at < 2) return at < end && bytes[at] !== byte.cr ? unusual : incomplete
    if (bytes[at] !== byte.cr || bytes[at + 1] !== byte.lf) return unusual
    const kind = kindOf(bytes, lineStart, nameEnd)
    if (kind === passes) {
      at += 2
      continue
    }
    let valueStart = nameEnd + 1
    let valueEnd = at
    while (valueStart < valueEnd && isBlank(bytes[valueStart])) valueStart += 1
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd -= 1
    at += 2
    switch (kind) {
      case isHost:
        hosts += 1
        if (!isHostText(bytes, valueStart, valueEnd)) return unusual
        break
      case isLength:
        lengths += 1
        head.bodyBytes = lengthOf(bytes, valueStart, valueEnd)
        if (head.bodyBytes < 0) return unusual
        break
      case isCoding:
        codings += 1
        // llhttp takes no tab behind it.
        if (valueEnd !== at - 2 || !isNamed(bytes, valueStart, valueEnd, 'chunked')) return unusual
        break
      case isConnection:
        if (isNamed(bytes, valueStart, valueEnd, 'close')) head.closes = true
        else if (isNamed(bytes, valueStart, valueEnd, 'upgrade, http2-settings')) offer |= 1
        else if (!isNamed(bytes, valueStart, valueEnd, 'keep-alive')) return unusual
        break
      case isUpgrade:
        if (!isNamed(bytes, valueStart, valueEnd, 'h2c')) return unusual
        offer |= 2
        break
      case isSettings:
        offer |= 4
        break
      case isOwn:
        head.hasOwnFields = true
        break
      case isTrace:
        head.hasTrace = true
        continue
      default:
        return unusual
    }
    if (runStart < lineStart) {
      runs[runsUsed] = runStart - linesStart
      runs[runsUsed + 1] = lineStart - linesStart
      runsUsed += 2
    }
    runStart = at
  }
  head.isChunked = codings === 1
  head.nameLengths = nameLengths
  head.lines = bytes.toString('latin1', linesStart, at)
  let passedOn = ''
  for (let run = 0; run < runsUsed; run += 2) passedOn += head.lines.slice(runs[run], runs[run + 1])
  head.passedOn = runStart < at ? passedOn + head.lines.slice(runStart - linesStart) : passedOn
  return at + 2
}

function isHostText(bytes: Buffer, start: number, end: number): boolean {
  if (start === end) return false
  for (let at = start; at < end; at += 1) if (isHostByte[bytes[at] as number] !== 1) return false
  return true
}

const passes = 0
const isHost = 1
const isLength = 2
const isConnection = 3
const isOwn = 4
const isTrace = 5
const isUnusual = 6
const isUpgrade = 7
const isSettings = 8
const isCoding = 9

/**
 * `Connection: Upgrade, HTTP2-Settings` and the two fields that it names: an offer to go on in HTTP/2, which is passed over.
 * Java's client makes it with the first request of every connection.
 */
const wholeOffer = 1 | 2 | 4

/** By length first: most fields have that of no other name that matters. */
function kindOf(bytes: Buffer, start: number, end: number): number {
  switch (end - start) {
    case 2:
      return isNamed(bytes, start, end, 'te') ? isUnusual : passes
    case 4:
      return isNamed(bytes, start, end, 'host') ? isHost : passes
    case 6:
      return isNamed(bytes, start, end, 'expect') ? isUnusual : passes
    case 7:
      if (isNamed(bytes, start, end, 'upgrade')) return isUpgrade
      return isNamed(bytes, start, end, 'trailer') ? isUnusual : passes
    case 10:
      if (isNamed(bytes, start, end, 'connection')) return isConnection
      if (isNamed(bytes, start, end, 'tracestate')) return isTrace
      return isNamed(bytes, start, end, 'keep-alive') ? isUnusual : passes
    case 11:
      return isNamed(bytes, start, end, 'traceparent') ? isTrace : isOwnName(bytes, start, end)
    case 14:
      if (isNamed(bytes, start, end, 'http2-settings')) return isSettings
      return isNamed(bytes, start, end, 'content-length') ? isLength : isOwnName(bytes, start, end)
    case 16:
      return isNamed(bytes, start, end, 'proxy-connection') ? isUnusual : isOwnName(bytes, start, end)
    case 17:
      return isNamed(bytes, start, end, 'transfer-encoding') ? isCoding : isOwnName(bytes, start, end)
    case 18:
      return isNamed(bytes, start, end, 'proxy-authenticate') ? isUnusual : isOwnName(bytes, start, end)
    case 19:
      return isNamed(bytes, start, end, 'proxy-authorization') ? isUnusual : isOwnName(bytes, start, end)
    default:
      return isOwnName(bytes, start, end)
  }
}

function isOwnName(bytes: Buffer, start: number, end: number): number {
  return end - start > ownFieldPrefix.length && beginsWith(bytes, start, ownFieldPrefix) ? isOwn : passes
}
