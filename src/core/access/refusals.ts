/** Why somebody is not let in, in words for the caller. */
import { type ApiKey, type Deed, mayCall, roleMay } from './api-key.ts'

/** `endpoint` is null where none is meant, or it is known only once the body has been read. */
export type Wish = { deed: Deed; endpoint: string | null }

export type AccessRefusal = {
  code: 'unauthenticated' | 'forbidden' | 'rate-limited'
  detail: string
  /** Of `rate-limited`: when to come back. */
  retryAfterMs: number
}

/** Null if the key may do it. */
export function refusalToDo(key: Pick<ApiKey, 'name' | 'role' | 'endpoints'>, wish: Wish): AccessRefusal | null {
  const { name, role, endpoints } = key
  if (!roleMay(role, wish.deed)) {
    return refusal('forbidden', `the key ${name} has the role ${role}, which may not ${wish.deed} here`)
  }
  if (wish.endpoint === null || wish.deed !== 'call' || mayCall(key, wish.endpoint)) return null
  return refusal('forbidden', `the key ${name} is for ${endpoints?.join(', ')} and not for this endpoint`)
}

export function noKey(): AccessRefusal {
  return refusal(
    'unauthenticated',
    'an API key is needed: send it as `Authorization: Bearer ck_…` or `x-api-key: ck_…`',
  )
}

/** Whether the id is known is not told. */
export function unknownKey(): AccessRefusal {
  return refusal('unauthenticated', 'the API key is not known here; it may have been revoked or rotated')
}

export function expiredKey({ name }: Pick<ApiKey, 'name'>): AccessRefusal {
  return refusal('unauthenticated', `the API key ${name} has expired`)
}

/** When a request of the same key ends is not known. */
const comeBackMs = 1_000

export function crowded({ name, concurrencyMax }: Pick<ApiKey, 'name' | 'concurrencyMax'>): AccessRefusal {
  const detail = `the key ${name} has ${concurrencyMax} requests under way, which is all it may have at once`
  return refusal('rate-limited', detail, comeBackMs)
}

export function tooOften({ name, rate }: Pick<ApiKey, 'name' | 'rate'>, waitMs: number): AccessRefusal {
  return refusal('rate-limited', `the key ${name} may send ${rate?.perSecond} requests a second`, waitMs)
}

function refusal(code: AccessRefusal['code'], detail: string, retryAfterMs = 0): AccessRefusal {
  return { code, detail, retryAfterMs }
}
