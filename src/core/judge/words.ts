/** Numbers as people read them. */

export function minusOne(ratio: number | undefined): number | null {
  return ratio === undefined ? null : ratio - 1
}

export function percent(value: number | null): string {
  return value === null ? 'unknown' : `${(value * 100).toFixed(2)} %`
}

export function points(value: number): string {
  return `${(value * 100).toFixed(2)} pp`
}

export function ms(value: number | null): string {
  return value === null ? 'unknown' : `${value.toFixed(2)} ms`
}

export function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}

/** A value in whatever unit, with the digits that matter. */
export function plain(value: number | null): string {
  return value === null ? 'unknown' : String(Number(value.toPrecision(4)))
}
