/** Shares of variants: as a bar, and as what a form sends. Whether they are 100 % in all is the server's to say. */
import type { WireFlag } from '../../../src/contract/wire/flag.ts'
import type { WireProblem } from '../../../src/contract/wire/problem.ts'
import { percent } from '../../../src/contract/words/quantities.ts'
import type { Serving } from './words.ts'

/** `tint`: which of the colours of the bar, by the variant's place in the flag, so that it keeps its colour. */
export type Share = { variant: string; ppm: number; text: string; tint: number }

/** Colours of bars that the style sheet knows. */
export const tints = 6

export function sharesOf(serving: Serving | null, variants: WireFlag['variants']): Share[] {
  const names = Object.keys(variants)
  const weights = weightsOf(serving)
  return names.flatMap((variant, index) => {
    const ppm = weights[variant] ?? 0
    return ppm === 0 ? [] : [{ variant, ppm, text: percent(ppm), tint: index % tints }]
  })
}

function weightsOf(serving: Serving | null): Readonly<Record<string, number>> {
  if (serving === null) return {}
  if (serving.weightsPpm !== null) return serving.weightsPpm
  return serving.variant === null ? {} : { [serving.variant]: 1_000_000 }
}

/** What stands in the fields of the form: a percentage without its sign, by variant. */
export type Written = Readonly<Record<string, string>>

export function writtenOf(serving: Serving | null, variants: WireFlag['variants']): Written {
  const weights = weightsOf(serving)
  return Object.fromEntries(Object.keys(variants).map(name => [name, String((weights[name] ?? 0) / 10_000)]))
}

/** Of two variants the other one has the rest, while what is written is a number from 0 to 100. */
export function withShare(written: Written, variant: string, text: string): Written {
  const next = { ...written, [variant]: text }
  const others = Object.keys(written).filter(name => name !== variant)
  const [other] = others
  const ppm = ppmOf(text)
  if (others.length !== 1 || other === undefined || ppm === null) return next
  return { ...next, [other]: String((1_000_000 - ppm) / 10_000) }
}

/** Null where one of them is no number. */
export function totalOf(written: Written): string | null {
  const parts = Object.values(written).map(ppmOf)
  if (parts.some(part => part === null)) return null
  return percent(parts.reduce<number>((sum, part) => sum + (part ?? 0), 0))
}

function ppmOf(text: string): number | null {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  return value >= 0 && value <= 100 ? Math.round(value * 10_000) : null
}

/** As the API takes them; variants with nothing are left out, unless all are. */
export function rolloutOf(written: Written): Record<string, string> {
  const given = Object.entries(written).map(([variant, text]) => [variant, `${text.trim()}%`] as const)
  const some = given.filter(([, share]) => share !== '0%' && share !== '%')
  return Object.fromEntries(some.length === 0 ? given : some)
}

/** What the server said of one field of the form, in its words; null for nothing. */
export function faultAt(problem: WireProblem | null, path: string): string | null {
  const found = problem?.problems?.find(one => one.path === path)
  if (found === undefined) return null
  const allowed =
    found.allowed === undefined || found.allowed.length === 0 ? '' : `; allowed: ${found.allowed.join(', ')}`
  return `${found.message}${allowed}`
}
