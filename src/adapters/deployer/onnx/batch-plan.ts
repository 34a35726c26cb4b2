/** Which requests are run together. Pure: the same queue gives the same batches. */

/** One request of the queue. Requests of one `key` fit together; null fits with nothing. */
export type Batchable = { key: string | null; rows: number }

/**
 * Batches as places in the queue. Each request is in one batch; those of a key stay in order; batches are in the order
 * of their oldest request, and a later one is not looked at to fill an earlier one that it would overflow. Only a request
 * that has more rows than `rowsMax` by itself is in a batch of more.
 */
export function planBatches(queue: readonly Batchable[], rowsMax: number): number[][] {
  const batches: number[][] = []
  const open = new Map<string, { places: number[]; rows: number }>()
  for (const [place, { key, rows }] of queue.entries()) {
    const fitting = key === null ? undefined : open.get(key)
    if (fitting !== undefined && fitting.rows + rows <= rowsMax) {
      fitting.places.push(place)
      fitting.rows += rows
      continue
    }
    const begun = { places: [place], rows }
    batches.push(begun.places)
    if (key !== null) open.set(key, begun)
  }
  return batches
}
