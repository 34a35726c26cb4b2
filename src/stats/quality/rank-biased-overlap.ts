import { type Failure, insufficient, invalid, type Result } from '../result.ts'

/** How alike two ranked lists are, from 0 for nothing in common to 1 for equal. */
export type RankBiasedOverlap = {
  /** If the lists go on agreeing as much as they do at their ends. */
  readonly extrapolated: number
  /** If nothing more agrees beyond what is seen. */
  readonly least: number
  /** If everything that can agree does. */
  readonly greatest: number
}

/**
 * Rank-biased overlap of two ranked lists of items, best first, of any lengths: the mean overlap of their beginnings, the
 * first positions weighing most. `persistence` is the probability that a reader goes on to the next position: at 0.9 the
 * first 10 positions carry 86 % of the weight, at 0.98 the first 50.
 *
 * @use To compare the lists of two models where items differ. For two orders of the same items `kendallTau` needs no
 *   persistence.
 * @assumes Nothing about items beyond the lists.
 * @formula (1 - p) sum_d p^(d-1) X_d / d, X_d the items that both lists have among their first d.
 * @source Webber, Moffat & Zobel, "A similarity measure for indefinite rankings", ACM TOIS 28 (2010)
 *   10.1145/1852102.1852106, equations 4, 11 and 32.
 * @degenerate An empty list is insufficient. An item that a list has twice, and a persistence outside (0, 1), are invalid.
 */
export function rankBiasedOverlap({
  first,
  second,
  persistence,
}: {
  first: readonly string[]
  second: readonly string[]
  persistence: number
}): Result<RankBiasedOverlap> {
  if (!(persistence > 0 && persistence < 1))
    return invalid(`persistence is ${persistence}; it must be greater than 0 and less than 1`)
  const bad = checkList('first', first) ?? checkList('second', second)
  if (bad !== undefined) return bad
  const overlaps = overlapsOf(first, second)
  const sizes = { shorter: Math.min(first.length, second.length), longer: overlaps.length }
  const least = leastOf(overlaps, persistence)
  const greatest = greatestOf(overlaps, sizes, persistence)
  const inside = (value: number) => Math.min(1, Math.max(0, value))
  return {
    ok: true,
    extrapolated: inside(extrapolatedOf(overlaps, sizes, persistence)),
    least: inside(least),
    greatest: inside(greatest),
  }
}

type Sizes = { readonly shorter: number; readonly longer: number }

/** How many items both lists have among their first 1, 2, 3, ... up to the end of the longer one. */
function overlapsOf(first: readonly string[], second: readonly string[]): readonly number[] {
  const seen = new Set<string>()
  const overlaps: number[] = []
  let common = 0
  for (let index = 0; index < Math.max(first.length, second.length); index += 1) {
    for (const item of [first[index], second[index]]) {
      if (item === undefined) continue
      if (seen.has(item)) common += 1
      seen.add(item)
    }
    overlaps.push(common)
  }
  return overlaps
}

function leastOf(overlaps: readonly number[], p: number): number {
  let sum = 0
  let beyond = -Math.log1p(-p)
  for (const [index, overlap] of overlaps.entries()) {
    const weight = p ** (index + 1) / (index + 1)
    sum += overlap * weight
    beyond -= weight
  }
  return ((1 - p) / p) * (sum + (overlaps.at(-1) ?? 0) * Math.max(0, beyond))
}

/** Every position still open takes an item of the other list until both hold the same ones; then all agrees. */
function greatestOf(overlaps: readonly number[], { shorter, longer }: Sizes, p: number): number {
  const last = overlaps.at(-1) ?? 0
  const complete = longer + shorter - last
  let sum = 0
  for (let depth = 1; depth <= complete; depth += 1) {
    const open = Math.max(0, depth - shorter) + Math.max(0, depth - longer)
    sum += (((overlaps[depth - 1] ?? last) + open) * p ** depth) / depth
  }
  return ((1 - p) / p) * sum + p ** complete
}

function extrapolatedOf(overlaps: readonly number[], { shorter, longer }: Sizes, p: number): number {
  const ofShorter = overlaps[shorter - 1] ?? 0
  const last = overlaps.at(-1) ?? 0
  let sum = 0
  for (const [index, overlap] of overlaps.entries()) {
    const depth = index + 1
    const assumed = (ofShorter * Math.max(0, depth - shorter)) / shorter
    sum += ((overlap + assumed) * p ** depth) / depth
  }
  return ((1 - p) / p) * sum + ((last - ofShorter) / longer + ofShorter / shorter) * p ** longer
}

function checkList(name: string, items: readonly string[]): Failure | undefined {
  if (new Set(items).size < items.length) return invalid(`the ${name} list has an item twice`)
  if (items.length > 0) return undefined
  return insufficient(`the ${name} list is empty`)
}
