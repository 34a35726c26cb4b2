/** Every endpoint with what serves, the release that runs there, and the releases of late. */
import './overview.css'
import { Link } from 'wouter'
import { endpointSchema, type WireEndpoint, type WireVersion } from '../../../src/contract/wire/endpoint.ts'
import { listOf } from '../../../src/contract/wire/list.ts'
import { releaseSummarySchema, type WireReleaseSummary } from '../../../src/contract/wire/release.ts'
import { percent } from '../../../src/contract/words/quantities.ts'
import { fleetWord, lackOf } from '../../../src/contract/words/readiness.ts'
import { liveMs, useRead } from '../../api/reading.ts'
import { Badge, StateBadge, type Tone } from '../../parts/badge.tsx'
import { Moment } from '../../parts/moment.tsx'
import { usePageTitle } from '../../parts/page-title.ts'
import { TrafficBar } from '../../parts/traffic-bar.tsx'
import { Waiting } from '../../parts/waiting.tsx'
import { RunningRelease } from './running-release.tsx'

const endpoints = listOf(endpointSchema)
const releases = listOf(releaseSummarySchema)

export function OverviewPage() {
  usePageTitle(null)
  const read = useRead('/api/v1/endpoints', endpoints, { everyMs: liveMs })
  return (
    <section className="page">
      <h1>Overview</h1>
      <Waiting read={read}>
        {({ items }) =>
          items.length === 0 ? <Nothing /> : items.map(one => <Endpoint key={one.name} endpoint={one} />)
        }
      </Waiting>
      <Recent />
    </section>
  )
}

function Nothing() {
  return (
    <p className="note">
      There are no endpoints yet: <code>cutover apply -f FILE</code> makes them.
    </p>
  )
}

function Endpoint({ endpoint }: { endpoint: WireEndpoint }) {
  const { name, protocol, stable, versions, weightsPpm, activeRelease, queue, monitored } = endpoint
  const lack = lackOf(endpoint)
  return (
    <article className="panel" aria-label={`Endpoint ${name}`}>
      <div className="row spread">
        <div className="row">
          <h2>{name}</h2>
          <span className="muted">
            {protocol}, stable version <b>{stable}</b>
          </span>
        </div>
        <Link href={`/advisor?endpoint=${encodeURIComponent(name)}`}>Which strategy?</Link>
      </div>
      <TrafficBar weightsPpm={weightsPpm} stable={stable} />
      <ul className="versions" aria-label="Versions">
        {versions.map(version => (
          <Version key={version.name} version={version} />
        ))}
      </ul>
      {lack !== null && <p>{lack.text}</p>}
      <Monitored monitored={monitored} />
      {activeRelease !== null && <RunningRelease key={activeRelease} id={activeRelease} />}
      {queue.length > 0 && <p className="muted">Waiting for its end: {queue.join(', ')}</p>}
    </article>
  )
}

const monitorTones: Readonly<Record<WireEndpoint['monitored']['status'], Tone>> = {
  unwatched: 'plain',
  ok: 'good',
  drifting: 'warn',
  breached: 'bad',
}

/** What is watched of the stable version, with every alarm; nothing where nothing is watched. */
function Monitored({ monitored: { status, alarms } }: Pick<WireEndpoint, 'monitored'>) {
  if (status === 'unwatched') return null
  return (
    <section className="row" aria-label="Monitoring">
      <span className="muted">monitoring</span>
      <Badge tone={monitorTones[status]}>{status}</Badge>
      {alarms.map(({ kind, name, reason }) => (
        <span key={`${kind} ${name}`}>{reason}</span>
      ))}
    </section>
  )
}

const fleetTones: Readonly<Record<ReturnType<typeof fleetWord>, Tone>> = {
  absent: 'plain',
  starting: 'live',
  ready: 'good',
  failed: 'bad',
  down: 'bad',
}

function Version({ version }: { version: WireVersion }) {
  const { name, role, instancesReady, instancesWanted } = version
  const fleet = fleetWord(version)
  return (
    <li>
      <b>{name}</b>
      {role !== 'idle' && <span className="muted">{role}</span>}
      <Badge tone={fleet === 'ready' && instancesReady < instancesWanted ? 'warn' : fleetTones[fleet]}>
        {fleet === 'absent' ? 'not running' : `${fleet}, ${instancesReady} of ${instancesWanted}`}
      </Badge>
    </li>
  )
}

/** Of all endpoints, the newest first. */
const recentMax = 10

function Recent() {
  const read = useRead(`/api/v1/releases?limit=${recentMax}`, releases, { everyMs: liveMs })
  return <Waiting read={read}>{({ items }) => items.length > 0 && <Releases items={items} />}</Waiting>
}

function Releases({ items }: { items: readonly WireReleaseSummary[] }) {
  return (
    <div className="panel">
      <h2 id="recent">Releases</h2>
      <div className="scroll">
        <table aria-labelledby="recent">
          <thead>
            <tr>
              <th scope="col">Release</th>
              <th scope="col">From → to</th>
              <th scope="col">State</th>
              <th scope="col" className="number">
                Share
              </th>
              <th scope="col">Started</th>
            </tr>
          </thead>
          <tbody>
            {items.map(({ id, from, to, state, candidatePpm, startedAt }) => (
              <tr key={id}>
                <th scope="row">
                  <Link href={`/releases/${encodeURIComponent(id)}`}>{id}</Link>
                </th>
                <td>
                  {from} → {to}
                </td>
                <td>
                  <StateBadge state={state} />
                </td>
                <td className="number">{percent(candidatePpm)}</td>
                <td>
                  <Moment at={startedAt} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}
