/**
 * Assignment: the version that serves a unit. `hash(unit, salt)` against an ordered list of segments; the same answer
 * in every process. Test vectors are published in docs/assignment.md; a change of the hash is a major version.
 */
import type { FeatureValues } from './bandit/context.ts'
import { type ContextPolicy, chooseAt } from './bandit/context-policy.ts'
import { limits } from './limits.ts'
import { isSole, type TrafficTable } from './traffic.ts'

export type Assignment = {
  version: string
  /** The probability with which this version was chosen: 1 for a rule or a pin. */
  propensity: number
  /** A rule chose it: whom a rule sends to a version is no sample of the callers. */
  byRule: boolean
  /** The features of the request chose it, so that what it met is no sample of all callers. */
  byContext?: true
}

/** MurmurHash3 x86 32-bit over bytes (Appleby, public domain algorithm), the finaliser included. Returns 0 … 2^32-1. */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const blocks = bytes.length & ~3
  let hash = seed | 0
  for (let i = 0; i < blocks; i += 4) {
    const block =
      (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24)
    hash ^= scramble(block)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = bytes.length - 1; i >= blocks; i--) tail = (tail << 8) | (bytes[i] ?? 0)
  if (blocks < bytes.length) hash ^= scramble(tail)
  return finalise(hash ^ bytes.length)
}

/** The hash of a text in UTF-8. Of ASCII, as most units are, no bytes are made first. */
export function hashText(text: string, seed: number): number {
  const hash = hashAscii(text, seed)
  return hash < 0 ? murmur3(utf8.encode(text), seed) : hash
}

/** -1 where a character is beyond ASCII. */
function hashAscii(text: string, seed: number): number {
  const blocks = text.length & ~3
  let hash = seed | 0
  let seen = 0
  for (let i = 0; i < blocks; i += 4) {
    const a = text.charCodeAt(i)
    const b = text.charCodeAt(i + 1)
    const c = text.charCodeAt(i + 2)
    const d = text.charCodeAt(i + 3)
    seen |= a | b | c | d
    hash ^= scramble(a | (b << 8) | (c << 16) | (d << 24))
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = text.length - 1; i >= blocks; i--) {
    const code = text.charCodeAt(i)
    seen |= code
    tail = (tail << 8) | code
  }
  if (blocks < text.length) hash ^= scramble(tail)
  return seen > 127 ? -1 : finalise(hash ^ text.length)
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}

function finalise(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

const utf8 = new TextEncoder()

/** The seed that a table's salt gives; computed once per table. */
export function saltSeed(salt: string): number {
  return hashText(salt, 0)
}

/** The bucket of a unit, 0 … 999,999: floor(hash32 × 1e6 / 2^32), exact in a double. */
export function bucketOf(unit: string, seed: number): number {
  return Math.floor((hashText(unit, seed) * limits.ppmTotal) / 0x1_0000_0000)
}

/** The version whose segment holds the bucket; binary search over the ordered segments. */
export function versionAt(table: TrafficTable, bucket: number): string {
  const { segments } = table
  let low = 0
  let high = segments.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (bucket < (segments[middle]?.endPpm ?? 0)) high = middle
    else low = middle + 1
  }
  const segment = segments[low]
  if (segment === undefined) throw new Error(`traffic table of ${table.endpoint} has no segments`)
  return segment.version
}

/**
 * Assigns a unit: rules first, in order, then the policy where there is one and the features are known, then weights.
 * `header` answers a header's value by lower-case name.
 */
export function assign(
  table: TrafficTable,
  request: {
    unit: string
    seed: number
    header: (name: string) => string | undefined
    features?: FeatureValues | null
  },
): Assignment {
  for (const rule of table.rules) {
    if (request.header(rule.header) === rule.equals) return { version: rule.version, propensity: 1, byRule: true }
  }
  const { policy } = table
  // Where there is nothing to choose from any bucket will do.
  const bucket = isSole(table) ? 0 : bucketOf(request.unit, request.seed)
  if (policy !== undefined && request.features != null && policy.fit !== null && !isExplored(request, policy)) {
    return { ...chooseAt({ ...policy, fit: policy.fit }, request.features, bucket), byRule: false, byContext: true }
  }
  const version = versionAt(table, bucket)
  return { version, propensity: (table.weights[version] ?? 0) / limits.ppmTotal, byRule: false }
}

/** By a hash of its own: which units are explored has nothing to do with the version that weights give them. */
function isExplored({ unit, seed }: { unit: string; seed: number }, { explorePpm }: ContextPolicy): boolean {
  return bucketOf(unit, ~seed) < explorePpm
}
