/**
 * A copy for whoever keeps an id or a unit beyond its commit: as it comes it may be a part of the text of a whole batch,
 * which would stay in memory with it.
 */
export function ownText(text: string): string {
  return Buffer.from(text).toString()
}
