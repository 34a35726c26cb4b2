/** Groups for off-policy estimates, read from the analytical tables chunk by chunk. */
import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api'
import type { OffPolicyQuery, OffPolicyRow, OffPolicyValue } from '../../ports/analytics.ts'
import { type Conditions, conditionsOf } from './conditions.ts'
import type { NameNumbers } from './name-numbers.ts'

/** Null if there is nothing to read. */
export async function startOffPolicy(
  connection: DuckDBConnection,
  names: NameNumbers,
  query: OffPolicyQuery,
): Promise<DuckDBResult | null> {
  const conditions = conditionsOf(query, names)
  if (conditions === null) return null
  const from = source(query.value, conditions)
  return connection.stream(groupsSql(conditions, from), [...conditions.values, ...from.values])
}

/** The next groups; none at the end. */
export async function nextOffPolicy(result: DuckDBResult, names: NameNumbers): Promise<OffPolicyRow[]> {
  const chunk = await result.fetchChunk()
  return (chunk?.getRows() ?? []).map(cells => {
    const [version = 0, propensity = 0, predictions = 0, n = 0, mean = 0, m2 = 0, min = 0, max = 0] = cells.map(Number)
    const values = n === 0 ? null : { n, mean, m2, min, max }
    return { version: names.nameOf(version) ?? '', propensity, predictions, values }
  })
}

type Source = { from: string; value: string; values: readonly string[] }

function source(value: OffPolicyValue, { where, values }: Conditions): Source {
  if (value.kind !== 'metric') return { from: `row_values WHERE ${where}`, value: value.kind, values: [] }
  const from = `metric_values WHERE ${where} AND name = $${values.length + 1}`
  return { from, value: 'value', values: [value.name] }
}

/** The mean first and the squares around it, so that values far from zero keep their digits and great ones fail nothing. */
function groupsSql({ where }: Conditions, { from, value }: Source): string {
  return `WITH chosen AS (
      SELECT version, propensity, count(*) AS predictions FROM predictions WHERE ${where} GROUP BY version, propensity
    ), given AS (
      SELECT version, propensity, ${value}::DOUBLE AS value FROM ${from} AND ${value} IS NOT NULL
    ), means AS (
      SELECT version, propensity, count(*) AS n, avg(value) AS mean, min(value) AS least, max(value) AS greatest
      FROM given GROUP BY version, propensity
    ), squares AS (
      SELECT version, propensity, sum((value - mean) * (value - mean)) AS m2
      FROM given JOIN means USING (version, propensity) GROUP BY version, propensity
    )
    SELECT version, propensity, predictions, coalesce(n, 0), mean, m2, least, greatest
    FROM chosen LEFT JOIN means USING (version, propensity) LEFT JOIN squares USING (version, propensity)`
}
