/** What a comparison of two answers to one request says. */

export type Comparison =
  /** `distance` is 0 for the same and 1 for the most different; `note` says for a person what differs, and is empty where nothing does. */
  | { comparable: true; agree: boolean; distance: number; note: string }
  /** The answer that callers got cannot be compared with any. */
  | { comparable: false; reason: string }

/** One row, or one value, beside the other. */
export type Closeness = { agree: boolean; distance: number; note: string }

export const same: Closeness = { agree: true, distance: 0, note: '' }

export function differs(note: string, distance = 1): Closeness {
  return { agree: false, distance, note }
}

/** A value for a note: short, whatever it is. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
