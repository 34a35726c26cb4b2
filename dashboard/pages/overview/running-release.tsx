/** The release that runs at an endpoint, in short: its stage and step, what it waits for, and a line per check. */
import { Link } from 'wouter'
import type { WireCheckResult } from '../../../src/contract/wire/judgement.ts'
import { releaseSchema, type WireRelease } from '../../../src/contract/wire/release.ts'
import { checksOf, harmWords, toleratedWords } from '../../../src/contract/words/checks.ts'
import { stageText } from '../../../src/contract/words/stages.ts'
import { liveMs, useRead } from '../../api/reading.ts'
import { StateBadge, VerdictBadge } from '../../parts/badge.tsx'
import { Waiting } from '../../parts/waiting.tsx'
import { StageTrack } from '../release/stage-track.tsx'

export function RunningRelease({ id }: { id: string }) {
  const read = useRead(`/api/v1/releases/${encodeURIComponent(id)}`, releaseSchema, { everyMs: liveMs })
  return (
    <section className="running" aria-label={`Release ${id}`}>
      <Waiting read={read}>{release => <Running release={release} />}</Waiting>
    </section>
  )
}

function Running({ release }: { release: WireRelease }) {
  const { id, from, to, state, plan, latest } = release
  return (
    <>
      <div className="row">
        <h3>
          <Link href={`/releases/${encodeURIComponent(id)}`}>{id}</Link>
        </h3>
        <span>
          {from} → {to}
        </span>
        <StateBadge state={state} />
        <span className="muted">{stageText(release)}</span>
      </div>
      <StageTrack plan={plan} release={release} />
      <p>{saying(release)}</p>
      {latest !== null && (
        <ul className="lines">
          {checksOf(latest.judgement).map(check => (
            <CheckLine
              key={`${check.metric} ${check.role} ${check.candidate.version}`}
              check={check}
              isOneOfSeveral={Object.keys(latest.judgement.arms ?? {}).length > 1}
            />
          ))}
        </ul>
      )}
    </>
  )
}

/** What it says of itself, the most pressing first. */
function saying({ hold, returned, wait, latest, timeline }: WireRelease): string {
  if (returned !== null) return `Goes back: ${returned.reason}`
  if (hold !== null) return `Holds for ${hold.cause}: ${hold.reason}`
  return wait?.says ?? latest?.judgement.reason ?? timeline.at(-1)?.text ?? ''
}

/** Of several candidates each line says whose it is. */
function CheckLine({ check, isOneOfSeveral }: { check: WireCheckResult; isOneOfSeveral: boolean }) {
  const { metric, role, verdict, harm, reason, candidate } = check
  return (
    <li>
      <VerdictBadge verdict={verdict} />
      <span>
        {isOneOfSeveral && `${candidate.version}: `}
        <b>{metric}</b> <span className="muted">{role}</span>
      </span>
      <span>
        {harm.estimate === null
          ? reason
          : `harm ${harmWords(check, harm.estimate)}, tolerated ${toleratedWords(check)}`}
      </span>
    </li>
  )
}
