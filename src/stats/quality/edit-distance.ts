/**
 * The least number of insertions, deletions and replacements that turn one list into another (Wagner & Fischer, JACM 21,
 * 1974), in time proportional to the product of the lengths, without their common beginning and end.
 */
export function editDistance<T>(first: readonly T[], second: readonly T[]): number {
  let start = 0
  while (start < first.length && start < second.length && first[start] === second[start]) start += 1
  let [endOfFirst, endOfSecond] = [first.length, second.length]
  while (endOfFirst > start && endOfSecond > start && first[endOfFirst - 1] === second[endOfSecond - 1]) {
    endOfFirst -= 1
    endOfSecond -= 1
  }
  return distanceOf(first.slice(start, endOfFirst), second.slice(start, endOfSecond))
}

/** Row by row: entry j of a row is the distance of the items of `first` so far from the first j items of `second`. */
function distanceOf<T>(first: readonly T[], second: readonly T[]): number {
  const row = Uint32Array.from({ length: second.length + 1 }, (_, index) => index)
  for (const [index, item] of first.entries()) {
    let diagonal = index
    let left = index + 1
    row[0] = left
    for (let j = 1; j <= second.length; j += 1) {
      const above = row[j] ?? 0
      const replaced = second[j - 1] === item ? diagonal : diagonal + 1
      left = Math.min(replaced, left + 1, above + 1)
      row[j] = left
      diagonal = above
    }
  }
  return row[second.length] ?? 0
}
