/** The unit of a request: what is kept on its version. */
import type { UnitSource } from '../core/endpoint.ts'
import { assertNever, CutoverError } from '../core/errors.ts'
import { trimmed } from '../core/http/field-lines.ts'
import { parseSpan } from '../core/json-members.ts'
import { placeAt } from '../core/json-place.ts'
import { isFault, type Span } from '../core/json-scanner.ts'
import { limits } from '../core/limits.ts'
import { asUtf8, headerText, ownHeader, ownHeaders } from './headers.ts'
import type { Inbound } from './inbound.ts'

/**
 * The endpoint's own source, else `x-cutover-unit`, else `otherwise`: the prediction's id, where nothing else is known. `body`
 * is needed only by a source in the body. Throws invalid-request for a key over its limit.
 */
export function unitOf(
  source: UnitSource,
  request: { inbound: Inbound; body: Uint8Array | null; otherwise: string },
): string {
  const { inbound, body, otherwise } = request
  const unit = fromSource(source, inbound, body) ?? ownHeader(inbound, ownHeaders.unit)
  if (unit === undefined) return otherwise
  // A character has at most three bytes in UTF-8 for each of its code units.
  const bytes = 3 * unit.length <= limits.unitKeyBytesMax ? 0 : Buffer.byteLength(unit)
  if (bytes <= limits.unitKeyBytesMax) return unit
  throw new CutoverError('invalid-request', `the unit key has ${bytes} bytes; at most ${limits.unitKeyBytesMax}`, [
    { path: describe(source), message: `at most ${limits.unitKeyBytesMax} bytes`, value: `${unit.slice(0, 40)}…` },
  ])
}

function fromSource(source: UnitSource, inbound: Inbound, body: Uint8Array | null): string | undefined {
  switch (source.from) {
    case 'request':
      return undefined
    case 'header':
      return headerText(inbound, source.name.toLowerCase())
    case 'cookie':
      return cookie(inbound.field('cookie'), source.name)
    case 'body':
      return body === null ? undefined : fromBody(body, source.pointer, inbound)
    default:
      return assertNever(source)
  }
}

function describe(source: UnitSource): string {
  switch (source.from) {
    case 'request':
      return `header ${ownHeaders.unit}`
    case 'header':
    case 'cookie':
      return `${source.from} ${source.name}`
    case 'body':
      return `body ${source.pointer}`
    default:
      return assertNever(source)
  }
}

/** A cookie's value by name; the first one. */
export function cookie(field: string | undefined, name: string): string | undefined {
  for (const pair of field?.split(';') ?? []) {
    const equals = pair.indexOf('=')
    if (equals < 0 || trimmed(pair, 0, equals) !== name) continue
    const value = trimmed(pair, equals + 1).replace(/^"(.*)"$/, '$1')
    return value === '' ? undefined : asUtf8(value)
  }
  return undefined
}

/**
 * The value at a JSON pointer. A body that is not JSON has no unit here: whether it is an error is for the model server
 * to say. One that is nested too deeply is refused. With binary tensors
 * (`Inference-Header-Content-Length`) only the JSON in front is read.
 */
function fromBody(body: Uint8Array, pointer: string, inbound: Inbound): string | undefined {
  const jsonBytes = Number(headerText(inbound, 'inference-header-content-length') ?? body.length)
  const bytes = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, jsonBytes || 0))
  const place = placeAt(bytes, pointer)
  if (place === null) return undefined
  if (!isFault(place)) return asUnit(bytes, place)
  if (place.isTooDeep !== true) return undefined
  throw new CutoverError('invalid-request', `the body ${place.fault}, and its unit is read from it`)
}

function asUnit(bytes: Buffer, span: Span): string | undefined {
  const first = bytes[span.start]
  if (first === openBrace || first === openBracket) return undefined
  const value = parseSpan(bytes, span)
  if (typeof value === 'string') return value === '' ? undefined : value.toWellFormed()
  // A 64-bit key such as 9007199254740993 does not survive as a double: two users would share one. It is read as written.
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return bytes.toString('latin1', span.start, span.end)
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

const [openBrace, openBracket] = [0x7b, 0x5b]
