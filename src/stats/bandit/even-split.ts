/** All probability on the arms with the greatest score, in equal shares. */
export function shareEvenly(scores: readonly number[]): number[] {
  const greatest = Math.max(...scores)
  const winners = scores.filter(score => score === greatest).length
  return scores.map(score => (score === greatest ? 1 / winners : 0))
}
