/**
 * flagd's `fractional`: variants by weight, from MurmurHash3 x86-32 with seed 0 over UTF-8 and a bucket of
 * (hash × total) >> 32 in whole numbers. Kept as flagd has it, so that an imported flag moves nobody.
 */
import { murmur3 } from '../assign.ts'

type Share = { variant: string | number | boolean | null; weight: number }

const totalMax = 2 ** 31 - 1
const utf8 = new TextEncoder()

/** The first value is what is hashed if it is a text; else that is the flag's key and the targeting key. Null for anything that is not so. */
export function fractional(
  values: readonly unknown[],
  about: { flag: string; targetingKey: unknown },
): Share['variant'] {
  const [first, ...rest] = values
  const own = typeof first === 'string'
  if (!own && !about.targetingKey) return null
  const text = own ? first : `${about.flag}${String(about.targetingKey)}`
  const shares = sharesOf(own ? rest : values)
  if (shares === null) return null
  const total = shares.reduce((sum, { weight }) => sum + weight, 0)
  return total > totalMax ? null : shareAt(shares, scaled(murmur3(utf8.encode(text), 0), total))
}

function shareAt(shares: readonly Share[], bucket: number): Share['variant'] {
  let end = 0
  for (const { variant, weight } of shares) {
    end += weight
    if (end > bucket) return variant
  }
  return null
}

function sharesOf(entries: readonly unknown[]): Share[] | null {
  const shares = entries.map(shareOf)
  return shares.some(share => share === null) ? null : (shares as Share[])
}

/** Negative weights come of computed ones and count as none. */
function shareOf(entry: unknown): Share | null {
  if (!Array.isArray(entry) || entry.length === 0 || entry.length > 2) return null
  const [variant = null, weight = 1] = entry as unknown[]
  if (typeof weight !== 'number' || !Number.isInteger(weight)) return null
  if (typeof variant === 'object' && variant !== null) return null
  return { variant: variant as Share['variant'], weight: Math.max(0, weight) }
}

/** floor(hash × total / 2^32) for numbers below 2^32 and 2^31, whose product a double does not hold: by halves of the total. */
function scaled(hash: number, total: number): number {
  const high = Math.floor(total / 0x1_0000)
  const low = total % 0x1_0000
  return Math.floor((hash * high + Math.floor((hash * low) / 0x1_0000)) / 0x1_0000)
}
