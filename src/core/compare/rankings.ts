/** Rankings by rank-biased overlap: the first positions weigh most. */
import { rankBiasedOverlap } from '../../stats/quality/rank-biased-overlap.ts'
import { limits } from '../limits.ts'
import { type Closeness, differs, same, shown } from './comparison.ts'

/** An item counts at its first rank, as it does for the metrics of rankings. */
export function compareRankings(
  { persistence, least }: { persistence: number; least: number },
  champion: readonly string[],
  challenger: readonly string[],
): Closeness {
  const [first, second] = [ranked(champion), ranked(challenger)]
  if (first.length === second.length && first.every((item, index) => item === second[index])) return same
  const overlap = rankBiasedOverlap({ first, second, persistence })
  const note = `${shown(first.slice(0, 3).join(', '))} against ${shown(second.slice(0, 3).join(', '))}`
  if (!overlap.ok) return differs(note)
  const { extrapolated } = overlap
  return {
    agree: extrapolated >= least,
    distance: 1 - extrapolated,
    note: `${note}, overlap ${extrapolated.toFixed(3)}`,
  }
}

function ranked(items: readonly string[]): readonly string[] {
  return [...new Set(items.slice(0, limits.rankedItemsMax))]
}
