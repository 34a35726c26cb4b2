import type { Committed } from './recorder.ts'

/** Without its place: what is told of follows in order. */
type Slice = Pick<Committed, 'fresh' | 'joined'>

/** Predictions that are told of at once: what is learnt from them takes a fraction of a millisecond. */
const slicePredictions = 250
/** So many slices that wait make one more each turn: what comes faster than turns go by does not pile up. */
const slicesPerExtra = 16

/**
 * Tells of what was committed in its order, a slice a turn of the event loop, so that a caller's request waits for one
 * slice and not for a batch. What is short, and has nothing before it, is told at once.
 */
export function inSlices(
  tell: (slice: Slice) => void,
  schedule: (run: () => void) => void = run => void setImmediate(run),
): (batch: Slice) => void {
  const due: Slice[] = []
  const tellSome = (count: number): void => {
    const now = due.splice(0, count)
    if (due.length > 0) schedule(tellMore)
    for (const slice of now) tell(slice)
  }
  const tellMore = (): void => tellSome(1 + Math.floor(due.length / slicesPerExtra))
  return batch => {
    const isNext = due.length === 0
    due.push(...slicesOf(batch))
    if (isNext) tellSome(1)
  }
}

/** Outcomes come behind the predictions, since they may be of any of them. */
function slicesOf({ fresh, joined }: Slice): Slice[] {
  if (fresh.length <= slicePredictions) return [{ fresh, joined }]
  const slices: Slice[] = []
  for (let start = 0; start < fresh.length; start += slicePredictions) {
    const end = start + slicePredictions
    slices.push({ fresh: fresh.slice(start, end), joined: end < fresh.length ? [] : joined })
  }
  return slices
}
