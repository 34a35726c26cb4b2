/**
 * The keys of a server at hand: found by id, proven once, then known by their text. Rates and what is under way are
 * counted here, in this process.
 */
import { type ApiKey, hasExpired, type Keys, parseKey } from '../../core/access/api-key.ts'
import { carriedBy, type RequestHead } from '../../core/access/carried.ts'
import { afterOne, waitMs } from '../../core/access/pace.ts'
import {
  type AccessRefusal,
  crowded,
  expiredKey,
  noKey,
  refusalToDo,
  tooOften,
  unknownKey,
  type Wish,
} from '../../core/access/refusals.ts'
import { limits } from '../../core/limits.ts'
import type { Access, Admission, Principal } from '../../ports/access.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Secrets } from '../../ports/secrets.ts'

/** Of one key since the server came up, by name. */
export type KeyCounts = {
  key: string
  admitted: number
  forbidden: number
  rateLimited: number
  /** Over its number of requests at once. */
  crowded: number
  inFlight: number
}

export interface Keyring extends Access {
  /** The keys as they are now, taken whole. */
  sync(keys: Keys): void
  counts(): readonly KeyCounts[]
}

type Holder = { key: ApiKey; principal: Principal; fullAtMs: number; counts: KeyCounts; pass: Admission }

/** A key text that was proven, until its secret or its key ends. */
type Proof = { holder: Holder; untilMs: number }

/** `fixed` are keys that are in no log, such as the one in the data folder. */
export function createKeyring(from: { secrets: Secrets; clock: Clock; fixed: readonly ApiKey[] }): Keyring {
  const { secrets, clock, fixed } = from
  let holders = holdersOf(fixed, new Map())
  /**
   * By the key alone: a field may have it behind many spaces, and each would be kept. Only proven texts are in here, and a
   * string is looked up by a seeded hash before it is compared, so that time tells nothing of a text that is nearly right.
   */
  const proofs = new Map<string, Proof>()

  const prove = (text: string): Proof | AccessRefusal => {
    const parsed = parseKey(text)
    const holder = parsed === null ? undefined : holders.get(parsed.id)
    if (parsed === null || holder === undefined) return unknownKey()
    const { key } = holder
    const nowMs = clock.nowMs()
    if (secrets.matches(parsed.secret, key.hash))
      return { holder, untilMs: key.expiresAtMs ?? Number.POSITIVE_INFINITY }
    const { previous } = key
    if (previous === undefined || nowMs >= previous.untilMs || !secrets.matches(parsed.secret, previous.hash))
      return unknownKey()
    return { holder, untilMs: Math.min(previous.untilMs, key.expiresAtMs ?? previous.untilMs) }
  }

  const proofOf = (head: RequestHead): Proof | AccessRefusal => {
    const carried = carriedBy(head)
    if (carried === null) return noKey()
    const known = proofs.get(carried.text)
    if (known !== undefined && clock.nowMs() < known.untilMs) return known
    const proof = prove(carried.text)
    if ('code' in proof) return proof
    if (hasExpired(proof.holder.key, clock.nowMs())) return expiredKey(proof.holder.key)
    if (proofs.size >= limits.keyCacheMax) proofs.clear()
    proofs.set(carried.text, proof)
    return proof
  }

  return {
    admit(head, wish) {
      const proof = proofOf(head)
      return 'code' in proof ? refused(proof) : enter(proof.holder, wish, clock.nowMs())
    },
    leave({ id }) {
      const holder = holders.get(id)
      if (holder !== undefined) holder.counts.inFlight = Math.max(0, holder.counts.inFlight - 1)
    },
    stillLets(head, wish) {
      const proof = proofOf(head)
      return !('code' in proof) && refusalToDo(proof.holder.key, wish) === null
    },
    sync(keys) {
      holders = holdersOf([...fixed, ...Object.values(keys)], holders)
      proofs.clear()
    },
    counts: () => [...holders.values()].map(({ counts }) => counts),
  }
}

/** A key that stays keeps its pace and its counts. */
function holdersOf(keys: readonly ApiKey[], before: ReadonlyMap<string, Holder>): Map<string, Holder> {
  return new Map(keys.map(key => [key.id, holderOf(key, before.get(key.id))]))
}

function holderOf(key: ApiKey, before: Holder | undefined): Holder {
  const { id, name, role, endpoints } = key
  const principal: Principal = { id, name, role, endpoints }
  const { fullAtMs = 0, counts = zeros(name) } = before ?? {}
  return { key, principal, fullAtMs, counts, pass: { principal, refusal: null } }
}

function zeros(key: string): KeyCounts {
  return { key, admitted: 0, forbidden: 0, rateLimited: 0, crowded: 0, inFlight: 0 }
}

function enter(holder: Holder, wish: Wish, nowMs: number): Admission {
  const { key, counts } = holder
  const forbidden = refusalToDo(key, wish)
  if (forbidden !== null) {
    counts.forbidden += 1
    return refused(forbidden)
  }
  if (key.concurrencyMax !== null && counts.inFlight >= key.concurrencyMax) {
    counts.crowded += 1
    return refused(crowded(key))
  }
  if (key.rate !== null) {
    const wait = waitMs(holder.fullAtMs, key.rate, nowMs)
    if (wait > 0) {
      counts.rateLimited += 1
      return refused(tooOften(key, wait))
    }
    holder.fullAtMs = afterOne(holder.fullAtMs, key.rate, nowMs)
  }
  counts.inFlight += 1
  counts.admitted += 1
  return holder.pass
}

/** Counts of several threads as one; keys that are gone are left out. */
export function addKeyCounts(present: readonly KeyCounts[], others: readonly KeyCounts[]): KeyCounts[] {
  return present.map(counts => others.filter(({ key }) => key === counts.key).reduce(addCounts, counts))
}

function addCounts(a: KeyCounts, b: KeyCounts): KeyCounts {
  return {
    key: a.key,
    admitted: a.admitted + b.admitted,
    forbidden: a.forbidden + b.forbidden,
    rateLimited: a.rateLimited + b.rateLimited,
    crowded: a.crowded + b.crowded,
    inFlight: a.inFlight + b.inFlight,
  }
}

function refused(refusal: AccessRefusal): Admission {
  return { principal: null, refusal }
}
