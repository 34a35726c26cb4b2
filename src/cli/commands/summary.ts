/** `cutover get predictions --summary`: the whole recorded log of an endpoint, added up. */
import type { WireSummaryRow } from '../../contract/wire/prediction.ts'
import { duration } from '../../contract/words/quantities.ts'
import { exitCodes, usageError } from '../errors.ts'
import { type Invocation, pathTo } from '../invocation.ts'
import { table } from '../text.ts'

export type SummaryFilters = { endpoint?: string; by?: string; release?: string; since?: string; until?: string }

export const summaryOptions = [
  'endpoint',
  'by',
  'release',
  'since',
  'until',
] as const satisfies readonly (keyof SummaryFilters)[]

export async function summarise(run: Invocation, filters: SummaryFilters): Promise<number> {
  if (filters.endpoint === undefined)
    throw usageError('a summary is of one endpoint', [{ path: '--endpoint', message: 'is missing' }])
  const given = summaryOptions.flatMap(key => {
    const value = filters[key]
    return value === undefined ? [] : [[key, value] as [string, string]]
  })
  const query = new URLSearchParams(given).toString()
  const answer = await run.server.get<{ items: WireSummaryRow[] }>(`${pathTo('predictions', 'summary')}?${query}`)
  run.answer(answer, () => (answer.items.length === 0 ? 'no predictions\n' : summaryTable(answer.items)))
  return exitCodes.done
}

function summaryTable(items: readonly WireSummaryRow[]): string {
  const dimensions = Object.keys(items[0]?.key ?? {})
  const rows = items.map(one => [
    ...Object.values(one.key).map(value => String(value ?? '-')),
    String(one.requests),
    String(one.errors),
    String(one.units),
    `${one.wrong} of ${one.labelled}`,
    one.rewards.count === 0 ? '-' : `${Number(one.rewards.sum.toPrecision(6))} in ${one.rewards.count}`,
    one.latencyMs === null ? '-' : [one.latencyMs.p50, one.latencyMs.p95, one.latencyMs.p99].map(duration).join(' / '),
  ])
  const counts = ['REQUESTS', 'ERRORS', 'UNITS', 'WRONG', 'REWARD', 'P50 / P95 / P99']
  return table([...dimensions.map(name => name.toUpperCase()), ...counts], rows)
}
