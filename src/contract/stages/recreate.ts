/** The recreate stage as people write it. */
import { duration, object } from '../resource-parts.ts'
import { type Loose, type Report, withRule } from '../resource-rules.ts'
import { parseDurationMs } from '../units.ts'

const recreateShape = object({
  hold: duration.default('30s').meta({
    description:
      'A request that comes in the gap waits for the new version, at most this long; 0s answers it 503 at once. Up to 50s.',
  }),
  'retry-after': duration
    .default('5s')
    .meta({ description: 'What a 503 tells callers to wait before they come back.' }),
  watch: duration.default('1m').meta({
    description:
      'Probation of at least this long: if the new version cannot be kept running in it, the old one is started again.',
  }),
})

export const recreateStage = withRule(recreateShape, recreateRule).meta({
  id: 'Recreate',
  description:
    'All of the old version is stopped, then the new one is started; the old one comes back if that does not become ready.',
})

/** `limits.holdMaxMs` and a day; a test holds the first to its limit. */
export const holdMaxMs = 50_000
const retryAfterMaxMs = 86_400_000

function recreateRule(recreate: Loose, report: Report): void {
  const longest = (key: string, maxMs: number, allowed: string): void => {
    const text = recreate[key]
    const ms = typeof text === 'string' ? parseDurationMs(text) : null
    if (ms !== null && ms > maxMs) report([key], 'is too long', allowed)
  }
  longest('hold', holdMaxMs, '0s to 50s')
  longest('retry-after', retryAfterMaxMs, '0s to 1d')
}
