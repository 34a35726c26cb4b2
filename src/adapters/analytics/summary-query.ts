/** A summary of the analytical tables: one pass for each kind of number, put together by group. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { SummaryDimension, SummaryQuery, SummaryRow } from '../../ports/analytics.ts'
import { type Conditions, conditionsOf } from './conditions.ts'
import { bucketLatencyMs } from './latency-buckets.ts'
import { answerKinds } from './log-reader.ts'
import { type NameNumbers, noName } from './name-numbers.ts'
import { dayMs, hourMs, inOrder, keyOf, refuseTooMany, summaryRowsMax } from './summary-rows.ts'

export async function summarise(
  connection: DuckDBConnection,
  names: NameNumbers,
  query: SummaryQuery,
): Promise<SummaryRow[]> {
  const groupBy = [...new Set(query.groupBy)]
  const conditions = conditionsOf(query, names)
  if (conditions === null) return []
  const read = (sql: string) => readGroups(connection, sql, conditions, groupBy.length)
  const counts = await read(countsSql(groupBy, conditions))
  refuseTooMany(counts.size)
  const units = await read(unitsSql(groupBy, conditions))
  const latencies = await read(latenciesSql(groupBy, conditions))
  const outcomes = await read(outcomesSql(groupBy, conditions))
  const rows = [...counts].map(([group, { dimensions, numbers }]): SummaryRow => {
    const [requests = 0, errors = 0, firstMs = 0, lastMs = 0] = numbers
    const [p50, p95, p99] = latencies.get(group)?.numbers ?? []
    const [labelled = 0, wrong = 0, count = 0, sum = 0] = outcomes.get(group)?.numbers ?? []
    return {
      key: keyOf(namedDimensions(dimensions, groupBy, names), groupBy),
      requests,
      errors,
      units: units.get(group)?.numbers[0] ?? 0,
      labelled,
      wrong,
      rewards: { count, sum },
      latencyMs:
        p50 === undefined || p95 === undefined || p99 === undefined
          ? null
          : { p50: bucketLatencyMs(p50), p95: bucketLatencyMs(p95), p99: bucketLatencyMs(p99) },
      firstMs,
      lastMs,
    }
  })
  return inOrder(rows, groupBy)
}

type Group = { dimensions: readonly number[]; numbers: readonly number[] }

/** Groups by their dimensions, which are the first columns. */
async function readGroups(
  connection: DuckDBConnection,
  sql: string,
  { values }: Conditions,
  dimensions: number,
): Promise<Map<string, Group>> {
  const reader = await connection.runAndReadAll(`${sql} LIMIT ${summaryRowsMax + 1}`, [...values])
  return new Map(
    reader.getRows().map(row => {
      const cells = row.map(Number)
      const group = cells.slice(0, dimensions)
      return [group.join(' '), { dimensions: group, numbers: cells.slice(dimensions) }]
    }),
  )
}

function namedDimensions(
  numbers: readonly number[],
  groupBy: readonly SummaryDimension[],
  names: NameNumbers,
): Record<SummaryDimension, unknown> {
  const of = (dimension: SummaryDimension) => numbers[groupBy.indexOf(dimension)] ?? noName
  return {
    version: names.nameOf(of('version')),
    release: names.nameOf(of('release')),
    epoch: of('epoch'),
    hour: of('hour'),
    day: of('day'),
  }
}

const dimensionSql: Readonly<Record<SummaryDimension, string>> = {
  version: 'version',
  epoch: 'epoch',
  release: 'release',
  hour: `floor(at_ms / ${hourMs}) * ${hourMs}`,
  day: `floor(at_ms / ${dayMs}) * ${dayMs}`,
}

/** The dimensions as columns d0, d1, ..., and the endpoint, so that there is something to group by and no group of nothing. */
function grouping(groupBy: readonly SummaryDimension[]) {
  const columns = groupBy.map((dimension, index) => `${dimensionSql[dimension]} AS d${index}, `).join('')
  const names = groupBy.map((_, index) => `d${index}, `).join('')
  return { columns, names }
}

const { answered, error, left } = answerKinds

function countsSql(groupBy: readonly SummaryDimension[], { where }: Conditions): string {
  const { columns, names } = grouping(groupBy)
  return `SELECT ${columns} count(*) FILTER (kind <> ${left}), count(*) FILTER (kind = ${error}), min(at_ms), max(at_ms)
    FROM predictions WHERE ${where} GROUP BY ${names} endpoint`
}

/** As a grouping of distinct rows, which may go to disk, where a count of distinct values may not. */
function unitsSql(groupBy: readonly SummaryDimension[], { where }: Conditions): string {
  const { columns, names } = grouping(groupBy)
  return `SELECT ${names} count(*)
    FROM (SELECT DISTINCT ${columns} endpoint, unit FROM predictions WHERE ${where}) GROUP BY ${names} endpoint`
}

/** The bucket of the nearest rank. */
function latenciesSql(groupBy: readonly SummaryDimension[], { where }: Conditions): string {
  const { columns, names } = grouping(groupBy)
  return `WITH buckets AS (
      SELECT ${columns} endpoint, latency_bucket, count(*) AS n
      FROM predictions WHERE ${where} AND kind = ${answered} GROUP BY ${names} endpoint, latency_bucket
    ), ranked AS (
      SELECT ${names} endpoint, latency_bucket,
        sum(n) OVER (PARTITION BY ${names} endpoint ORDER BY latency_bucket) AS up_to,
        sum(n) OVER (PARTITION BY ${names} endpoint) AS total
      FROM buckets
    )
    SELECT ${names} ${[0.5, 0.95, 0.99].map(share => `min(latency_bucket) FILTER (up_to >= ${share} * total)`).join(', ')}
    FROM ranked GROUP BY ${names} endpoint`
}

function outcomesSql(groupBy: readonly SummaryDimension[], { where }: Conditions): string {
  const { columns, names } = grouping(groupBy)
  return `SELECT ${columns} count(correct), count(*) FILTER (correct = 0), count(reward), coalesce(sum(reward), 0)
    FROM row_values WHERE ${where} GROUP BY ${names} endpoint`
}
