/** Why somebody is not let in, in words for the caller, with the header fields that say so to a program. */
import { CutoverError } from '../errors.ts'
import { type ApiKey, type Deed, mayCall, roleMay } from './api-key.ts'

/** `endpoint` is null where none is meant, or it is known only once the body has been read. */
export type Wish = { deed: Deed; endpoint: string | null }

export type AccessRefusal = {
  code: 'unauthenticated' | 'forbidden' | 'rate-limited'
  detail: string
  /** Name, value: `www-authenticate` (RFC 6750, 3) or `retry-after`. */
  headers: readonly [string, string]
}

export class AccessError extends CutoverError {
  readonly headers: readonly [string, string]

  constructor({ code, detail, headers }: AccessRefusal) {
    super(code, detail)
    this.headers = headers
  }
}

const deedText: Readonly<Record<Deed, string>> = {
  call: 'call models',
  read: 'read what the control listener tells',
  operate: 'change anything',
  administer: 'see or change keys',
}

/** Null if the key may do it. */
export function refusalToDo(key: Pick<ApiKey, 'name' | 'role' | 'endpoints'>, wish: Wish): AccessRefusal | null {
  const { name, role, endpoints } = key
  if (!roleMay(role, wish.deed))
    return forbidden(`the key ${name} has the role ${role}, which may not ${deedText[wish.deed]}`)
  if (wish.endpoint === null || wish.deed !== 'call' || mayCall(key, wish.endpoint)) return null
  return forbidden(`the key ${name} is for ${endpoints?.join(', ')} and not for this endpoint`)
}

function forbidden(detail: string): AccessRefusal {
  return { code: 'forbidden', detail, headers: challenge('insufficient_scope') }
}

export function noKey(): AccessRefusal {
  const detail = 'an API key is needed: send it as `Authorization: Bearer ck_…` or `x-api-key: ck_…`'
  return { code: 'unauthenticated', detail, headers: challenge(null) }
}

/** Whether the id is known is not told. */
export function unknownKey(): AccessRefusal {
  const detail = 'the API key is not known here; it may have been revoked or rotated'
  return { code: 'unauthenticated', detail, headers: challenge('invalid_token') }
}

export function expiredKey({ name }: Pick<ApiKey, 'name'>): AccessRefusal {
  return {
    code: 'unauthenticated',
    detail: `the API key ${name} has expired`,
    headers: challenge('invalid_token'),
  }
}

function challenge(error: string | null): [string, string] {
  return ['www-authenticate', `Bearer realm="cutover"${error === null ? '' : `, error="${error}"`}`]
}

export function crowded({ name, concurrencyMax }: Pick<ApiKey, 'name' | 'concurrencyMax'>): AccessRefusal {
  const detail = `the key ${name} has ${concurrencyMax} requests under way, which is all it may have at once`
  // When one of them ends is not known.
  return { code: 'rate-limited', detail, headers: comeBack(1_000) }
}

export function tooOften({ name, rate }: Pick<ApiKey, 'name' | 'rate'>, waitMs: number): AccessRefusal {
  const detail = `the key ${name} may send ${pace(rate?.perSecond ?? 0)}`
  return { code: 'rate-limited', detail, headers: comeBack(waitMs) }
}

/** In the unit in which it is a number of one or more. */
function pace(perSecond: number): string {
  const round = (value: number) => Number(value.toPrecision(3))
  if (perSecond >= 1) return `${round(perSecond)} requests a second`
  return perSecond * 60 >= 1
    ? `${round(perSecond * 60)} requests a minute`
    : `${round(perSecond * 3_600)} requests an hour`
}

/** HTTP has no finer unit here. */
function comeBack(waitMs: number): [string, string] {
  return ['retry-after', String(Math.max(1, Math.ceil(waitMs / 1_000)))]
}
