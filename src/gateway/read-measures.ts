import { type Measures, measuresOf } from '../core/measures.ts'
import type { Sending } from '../ports/backend.ts'

/** What its instance measured of an answer; null where it measured nothing. Times count from the end of the request. */
export function readMeasures(
  sending: Sending | null,
  { requestEndedMs, latencyMs }: { requestEndedMs: number; latencyMs: number },
): Measures | null {
  const reading = sending?.reading?.() ?? null
  if (reading === null) return null
  const { usage, price, firstContentAtMs } = reading
  const firstTokenMs = firstContentAtMs === null ? null : Math.max(0, firstContentAtMs - requestEndedMs)
  const measures = measuresOf({ usage, price, firstTokenMs, latencyMs })
  return Object.keys(measures).length === 0 ? null : measures
}
