/**
 * flagd's `fractional`: variants by weight, from MurmurHash3 x86-32 with seed 0 over UTF-8 and a bucket of
 * (hash × total) >> 32 in whole numbers. Kept as flagd has it, so that an imported flag moves nobody.
 */
import { hashText } from '../assign.ts'

type Variant = string | number | boolean | null
export type Shares = { entries: readonly { variant: Variant; weight: number }[]; total: number }
type About = { flag: string; targetingKey: unknown }

const totalMax = 2 ** 31 - 1

/** The first value is what is hashed if it is a text; else that is the flag's key and the targeting key. Null for anything that is not so. */
export function fractional(given: unknown, about: About): Variant {
  if (!Array.isArray(given)) return null
  const [first, ...rest] = given as unknown[]
  return typeof first === 'string'
    ? pickShare(readShares(rest), first, about)
    : pickShare(readShares(given), null, about)
}

/** `key`: what is hashed; null hashes the flag's key and the targeting key. */
export function pickShare(shares: Shares | null, key: unknown, { flag, targetingKey }: About): Variant {
  if (shares === null || (key === null && !targetingKey)) return null
  const text = typeof key === 'string' ? key : `${flag}${String(targetingKey)}`
  return shareAt(shares, scaled(hashText(text, 0), shares.total))
}

/** Null where an entry is none, or they weigh too much together. */
export function readShares(given: readonly unknown[]): Shares | null {
  const entries = given.map(shareOf).filter(share => share !== null)
  const total = entries.reduce((sum, { weight }) => sum + weight, 0)
  return entries.length < given.length || total > totalMax ? null : { entries, total }
}

function shareAt({ entries }: Shares, bucket: number): Variant {
  let end = 0
  for (const { variant, weight } of entries) {
    end += weight
    if (end > bucket) return variant
  }
  return null
}

/** Negative weights come of computed ones and count as none. */
function shareOf(entry: unknown): Shares['entries'][number] | null {
  if (!Array.isArray(entry) || entry.length === 0 || entry.length > 2) return null
  const [variant = null, weight = 1] = entry as unknown[]
  if (typeof weight !== 'number' || !Number.isInteger(weight)) return null
  if (typeof variant === 'object' && variant !== null) return null
  return { variant: variant as Variant, weight: Math.max(0, weight) }
}

/** floor(hash × total / 2^32) for numbers below 2^32 and 2^31, whose product a double does not hold: by halves of the total. */
function scaled(hash: number, total: number): number {
  const high = Math.floor(total / 0x1_0000)
  const low = total % 0x1_0000
  return Math.floor((hash * high + Math.floor((hash * low) / 0x1_0000)) / 0x1_0000)
}
