/** A release: where it stands, what was seen of it, its story, and what an operator may say to it. */
import { Columns } from '../../parts/columns.tsx'
import { Fact } from '../../parts/fact.tsx'
import './release.css'
import { Link, useParams } from 'wouter'
import type { WireJudgement } from '../../../src/contract/wire/judgement.ts'
import { releaseSchema, type WireRelease } from '../../../src/contract/wire/release.ts'
import {
  duration,
  exposureText,
  offset,
  percent,
  rounded,
  shortPercent,
} from '../../../src/contract/words/quantities.ts'
import { stageText } from '../../../src/contract/words/stages.ts'
import { liveMs, useRead } from '../../api/reading.ts'
import { StateBadge, VerdictBadge } from '../../parts/badge.tsx'
import { ChecksTable } from '../../parts/checks-table.tsx'
import { Moment } from '../../parts/moment.tsx'
import { usePageTitle } from '../../parts/page-title.ts'
import { TrafficBar } from '../../parts/traffic-bar.tsx'
import { Waiting } from '../../parts/waiting.tsx'
import { Operate } from './operate.tsx'
import { StageTrack } from './stage-track.tsx'

export function ReleasePage() {
  const { id = '' } = useParams()
  usePageTitle(id)
  const read = useRead(`/api/v1/releases/${encodeURIComponent(id)}`, releaseSchema, { everyMs: liveMs })
  return (
    <section className="page">
      <p>
        <Link href="/">Overview</Link>
      </p>
      <Waiting read={read}>{release => <Release release={release} />}</Waiting>
    </section>
  )
}

function Release({ release }: { release: WireRelease }) {
  const { id, endpoint, from, to, state, plan, latest, weightsPpm } = release
  return (
    <>
      <div className="stack">
        <div className="row">
          <h1>{id}</h1>
          <StateBadge state={state} />
        </div>
        <p className="muted">
          {endpoint}: {from} → {to}
        </p>
      </div>
      <div className="panel">
        <TrafficBar weightsPpm={weightsPpm} stable={from} />
        <StageTrack plan={plan} release={release} />
        <Standing release={release} />
        <Operate release={release} />
      </div>
      {latest !== null && (
        <div className="panel">
          <div className="row">
            <h2>Newest look at the evidence</h2>
            <VerdictBadge verdict={latest.judgement.verdict} />
          </div>
          <p>{latest.judgement.reason}</p>
          <Goal judgement={latest.judgement} />
          <ChecksTable judgement={latest.judgement} />
          <Pairs judgement={latest.judgement} />
          <Arms judgement={latest.judgement} />
          <p className="muted">
            <Moment at={latest.at} />
          </p>
        </div>
      )}
      <Timeline release={release} />
    </>
  )
}

/** What a person wants to know first, as far as there is anything to say. */
function Standing({ release }: { release: WireRelease }) {
  const { hold, returned, wait, waitsFor, probationUntil, downtimeMs, actor, startedAt, endedAt, plan } = release
  return (
    <dl className="facts">
      <Fact name="stands at">{endedAt === null ? stageText(release) : null}</Fact>
      <Fact name="waits for">{waitsFor}</Fact>
      <Fact name="waits">{wait?.says ?? null}</Fact>
      <Fact name="holds">{hold === null ? null : `${hold.cause}: ${hold.reason}`}</Fact>
      <Fact name="returned">{returned === null ? null : `${returned.cause}: ${returned.reason}`}</Fact>
      <Fact name="downtime">{downtimeMs === null ? null : `nobody served for ${duration(downtimeMs)}`}</Fact>
      <Fact name="probation">
        {probationUntil === null ? null : (
          <>
            until <Moment at={probationUntil} />
          </>
        )}
      </Fact>
      <Fact name="because">{plan.reason}</Fact>
      <Fact name="started">
        <Moment at={startedAt} /> by {actor}
      </Fact>
      <Fact name="ended">{endedAt === null ? null : <Moment at={endedAt} />}</Fact>
    </dl>
  )
}

/** What must be shown is told apart: guardrails may pass long before it is. */
function Goal({ judgement: { reason, goal } }: { judgement: WireJudgement }) {
  if (goal.reason === '') return null
  return (
    <div className="row">
      <b>Goal</b>
      <VerdictBadge verdict={goal.verdict} />
      {goal.reason !== reason && <span>{goal.reason}</span>}
    </div>
  )
}

/** Of a shadow: the same requests, answered by both. */
function Pairs({ judgement: { arms } }: { judgement: WireJudgement }) {
  const rows = Object.entries(arms ?? {}).flatMap(([version, { pairs }]) =>
    pairs === undefined ? [] : [{ version, pairs }],
  )
  if (rows.length === 0) return null
  return (
    <dl className="facts">
      {rows.map(({ version, pairs: { pairs, agreement } }) => (
        <Fact key={version} name={version}>
          {pairs} pairs: {agreement.reason}
        </Fact>
      ))}
    </dl>
  )
}

/** Of a bandit: what its arms earned and how likely each is the best. */
function Arms({ judgement: { bandit } }: { judgement: WireJudgement }) {
  if (bandit === null) return null
  return (
    <div className="scroll">
      <table>
        <Columns words={['Arm', 'Rewards', 'Mean', 'Chance of best', 'Weight']} />
        <tbody>
          {bandit.arms.map(({ version, rewards, mean, chance }) => (
            <tr key={version}>
              <th scope="row">
                {version}
                {version === bandit.leader && ' (leads)'}
              </th>
              <td>{rewards}</td>
              <td>{rounded(mean)}</td>
              <td>{chance === null ? '-' : `${rounded(chance * 100)}%`}</td>
              <td>{percent(bandit.weightsPpm[version] ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** The newest first: that is what has just happened. */
function Timeline({ release: { timeline, startedAt } }: { release: WireRelease }) {
  return (
    <div className="panel">
      <h2>Timeline</h2>
      <ol className="timeline">
        {timeline.toReversed().map(({ seq, at, kind, text, candidatePpm, exposure }) => (
          <li key={`${seq} ${kind} ${text}`} data-kind={kind}>
            <time dateTime={at} title={at}>
              +{offset(startedAt, at)}
            </time>
            <span className="share">{shortPercent(candidatePpm)}</span>
            <span>
              {text}
              {exposure !== null && <small className="muted">{exposureText(exposure)}</small>}
            </span>
          </li>
        ))}
      </ol>
    </div>
  )
}
