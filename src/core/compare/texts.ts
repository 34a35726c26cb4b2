/** Texts by edit distance, of characters where they are short and of words where they are not. */
import { editDistance } from '../../stats/quality/edit-distance.ts'
import { limits } from '../limits.ts'
import { type Closeness, same, shown } from './comparison.ts'

/** Spaces of whatever kind and forms of the same character are no difference. */
export function compareTexts({ least }: { least: number }, champion: string, challenger: string): Closeness {
  const [ours, theirs] = [normalised(champion), normalised(challenger)]
  if (ours === theirs) return same
  const distance = distanceOf(ours, theirs)
  return { agree: 1 - distance >= least, distance, note: `${shown(ours)} against ${shown(theirs)}` }
}

function normalised(text: string): string {
  return text.normalize('NFKC').replaceAll(/\s+/g, ' ').trim()
}

function distanceOf(ours: string, theirs: string): number {
  const isShort = ours.length <= limits.comparedTextMax && theirs.length <= limits.comparedTextMax
  return isShort ? shareEdited([...ours], [...theirs]) : shareEdited(ours.split(' '), theirs.split(' '))
}

/** As a share of the longer one. Beyond the bound what is not equal counts as wholly different. */
function shareEdited(ours: readonly string[], theirs: readonly string[]): number {
  const [first, second] = withoutCommonEnds(ours, theirs)
  const bound = limits.comparedTextMax
  const rest = Math.max(first.length - bound, second.length - bound, 0)
  const edited = editDistance(first.slice(0, bound), second.slice(0, bound)) + rest
  return Math.min(1, edited / Math.max(ours.length, theirs.length, 1))
}

function withoutCommonEnds(a: readonly string[], b: readonly string[]): [readonly string[], readonly string[]] {
  const shorter = Math.min(a.length, b.length)
  let start = 0
  while (start < shorter && a[start] === b[start]) start += 1
  let end = 0
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1
  return [a.slice(start, a.length - end), b.slice(start, b.length - end)]
}
