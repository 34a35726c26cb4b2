/** What must be so at the end, a line for each, with its figures. */
import { systemClock } from '../../src/adapters/clock/system.ts'
import { takeLease } from '../../src/adapters/postgres/lease.ts'
import { openSqlPredictionLog } from '../../src/adapters/prediction-log/sql.ts'
import { connectBriefly, type StorePlace } from '../../src/adapters/stores/store-place.ts'
import { slopeOf } from '../gateway/slope.ts'
import type { Ledger } from './ledger.ts'
import type { Look, MetricsPage } from './watch.ts'

/** `null` where the soak was too short to tell. */
export type Line = { what: string; holds: boolean | null; figures: string }

/** A heap finds its size in the first half; the growth of the second is held against this share of it. */
const growthShareMax = 0.1
const memoryMinutesMin = 10
/** Idle connections to model servers, and what the runtime holds by itself. */
const spareSockets = 16
const spareTimers = 16

export function memoryLine(looks: readonly Look[], server: string): Line {
  const late = looks.slice(Math.floor(looks.length / 2))
  const slope = slopeOf(late.map(({ atMs, megabytes }) => ({ x: atMs / 60_000, y: megabytes })))
  const minutes = ((looks.at(-1)?.atMs ?? 0) - (looks[0]?.atMs ?? 0)) / 60_000
  const mean = late.reduce((sum, { megabytes }) => sum + megabytes, 0) / late.length
  const grown = (slope * minutes) / 2
  const most = Math.max(...looks.map(({ megabytes }) => megabytes))
  const figures = `${slope.toFixed(2)} MB a minute in the second half, mean ${mean.toFixed(0)} MB, at most ${most.toFixed(0)} MB`
  const holds = minutes < memoryMinutesMin ? null : grown < growthShareMax * mean
  return { what: `resident memory of ${server} does not grow`, holds, figures }
}

export function socketsLine(first: Look, last: Look, server: string): Line {
  const holds = last.sockets <= first.sockets + spareSockets
  return line(`open sockets of ${server} are what they were`, holds, `${first.sockets} before, ${last.sockets} after`)
}

export function leftoverLines(first: Look, last: Look, page: MetricsPage, connections: number): Line[] {
  const gauges = [
    'cutover_requests_in_flight',
    'cutover_requests_held',
    'cutover_mirror_in_flight',
    'cutover_mirror_queued',
  ]
  const busy = gauges.map(name => page.sum(name))
  return [
    line('no connection of a caller is left', connections === 0, `${connections}`),
    line('timers are what they were', last.timers <= first.timers + spareTimers, `${first.timers}, ${last.timers}`),
    line(
      'handles are what they were',
      last.handles <= first.handles + spareSockets,
      `${first.handles}, ${last.handles}`,
    ),
    line(
      'nothing is in flight, held or queued',
      busy.every(value => value === 0),
      busy.join(', '),
    ),
  ]
}

export function answerLines(ledger: Ledger, page: MetricsPage): Line[] {
  const internal = page.sum('cutover_gateway_errors_total', { code: 'internal' })
  const dropped = page.sum('cutover_predictions_dropped_total')
  const wrongs = [...ledger.wrongs].map(([text, times]) => `${text} (${times})`)
  return [
    line(
      'every answer is right, and its own',
      wrongs.length === 0,
      wrongs.join('; ') || `${ledger.answered.size} answers`,
    ),
    line('no request failed by a fault of the gateway', internal === 0, `${internal}`),
    line('no record was dropped', dropped === 0, `${dropped}`),
  ]
}

/** The log is read once the servers have ended. `counted` is null where they have not counted all of it. */
export async function recordLines(ledger: Ledger, place: StorePlace, counted: Counted | null): Promise<Line[]> {
  const { records, repeated, shadows, versions, joined } = await readLog(place)
  const missing = [...ledger.answered.keys()].filter(id => !records.has(id)).length
  const others = [...ledger.answered].filter(([id, version]) => versions.has(id) && versions.get(id) !== version).length
  const lost = [...ledger.outcomes].filter(id => joined.get(id) !== 1).length
  return [
    line(
      'every answered request has exactly one record',
      missing === 0 && repeated === 0,
      `${ledger.answered.size} answered, ${missing} without, ${repeated} with several`,
    ),
    line('a record names the version that the answer named', others === 0, `${others} do not`),
    ...(counted === null ? [] : countedLines(counted, records.size, shadows)),
    line('every accepted outcome joined once', lost === 0, `${ledger.outcomes.size} accepted, ${lost} did not`),
  ]
}

function countedLines(counted: Counted, records: number, shadows: number): Line[] {
  return [
    line(
      'requests counted are requests recorded',
      counted.requests === records,
      `${counted.requests} counted, ${records} recorded`,
    ),
    line(
      'records counted are records kept',
      counted.recorded === records + shadows,
      `${counted.recorded} counted, ${records} of callers and ${shadows} of copies kept`,
    ),
  ]
}

export type Counted = { requests: number; recorded: number }

async function readLog(place: StorePlace) {
  const log = await openSqlPredictionLog({ place: held(place), clock: systemClock })
  const [records, versions, joinedTimes] = [new Set<string>(), new Map<string, string>(), new Map<string, number>()]
  let [repeated, shadows] = [0, 0]
  await log.replay({ tails: [{ endpoint: 'soak', fromEpoch: 0 }] }, ({ predictions, joined }) => {
    for (const { id, version, shadowOf } of predictions) {
      if (shadowOf !== undefined) shadows += 1
      else if (records.has(id)) repeated += 1
      else {
        records.add(id)
        versions.set(id, version)
      }
    }
    for (const { outcome, shadowOf } of joined)
      if (shadowOf === undefined) joinedTimes.set(outcome.id, (joinedTimes.get(outcome.id) ?? 0) + 1)
  })
  await log.close()
  return { records, repeated, shadows, versions, joined: joinedTimes }
}

/** With the lease that the server has given up. */
function held(place: StorePlace): StorePlace {
  if (place.kind === 'sqlite') return place
  const connection = connectBriefly(place.url)
  const term = takeLease(connection, { name: 'the soak', owner: null })
  connection.close()
  if (term === null) throw new Error('the server has ended and kept its lease')
  return { ...place, term }
}

export function line(what: string, holds: boolean, figures: string): Line {
  return { what, holds, figures }
}
