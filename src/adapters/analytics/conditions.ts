import type { AnalyticsRange } from '../../ports/analytics.ts'
import type { NameNumbers } from './name-numbers.ts'

/** A condition on the columns that all analytical tables share, with its values; null if nothing can meet it. */
export type Conditions = { where: string; values: readonly number[] }

export function conditionsOf(range: AnalyticsRange, names: NameNumbers): Conditions | null {
  const endpoint = names.find(range.endpoint)
  const release = range.release === undefined ? undefined : names.find(range.release)
  if (endpoint === null || release === null) return null
  const terms = [
    { sql: 'endpoint =', value: endpoint },
    { sql: 'release =', value: release },
    { sql: 'at_ms >=', value: range.sinceMs },
    { sql: 'at_ms <', value: range.untilMs },
  ].flatMap(({ sql, value }) => (value === undefined ? [] : [{ sql, value }]))
  return {
    where: terms.map(({ sql }, index) => `${sql} $${index + 1}`).join(' AND '),
    values: terms.map(({ value }) => value),
  }
}
