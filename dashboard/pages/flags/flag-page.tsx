/** One flag: what it serves and why, the switch, its shares, a context to try, and who changed what. */
import { Link, useParams } from 'wouter'
import { flagSchema, type WireFlag } from '../../../src/contract/wire/flag.ts'
import { liveMs, useRead } from '../../api/reading.ts'
import { usePageTitle } from '../../parts/page-title.ts'
import { Waiting } from '../../parts/waiting.tsx'
import { FlagFacts } from './flag-facts.tsx'
import './flags.css'
import { History } from './history.tsx'
import { nameOf, ofFlag } from './paths.ts'
import { ServingForm } from './serving-form.tsx'
import { StandingBadge } from './standing-badge.tsx'
import { Switch } from './switch.tsx'
import { TryIt } from './try-it.tsx'
import { standingOf } from './words.ts'

export function FlagPage() {
  const name = nameOf(useParams()['name'])
  usePageTitle(`Flag ${name}`)
  const read = useRead(ofFlag(name), flagSchema, { everyMs: liveMs })
  const isGone = read.error?.problem.code === 'flag-not-found'
  return (
    <section className="page flags">
      <p className="trail">
        <Link href="/flags">Flags</Link> / {name}
      </p>
      {isGone ? (
        <>
          <h1>{name}</h1>
          <p className="muted">There is no such flag now. What the history knows of it:</p>
          <History of={ofFlag(name)} revision={undefined} what="flag" />
        </>
      ) : (
        <Waiting read={read}>{flag => <Shown key={flag.name} flag={flag} />}</Waiting>
      )}
    </section>
  )
}

function Shown({ flag }: { flag: WireFlag }) {
  return (
    <>
      <header className="stack tight">
        <div className="row spread">
          <div className="row">
            <h1>{flag.name}</h1>
            <StandingBadge flag={flag} />
            <span className="muted">{flag.type}</span>
          </div>
          <Switch flag={flag} />
        </div>
        {flag.description !== null && <p>{flag.description}</p>}
        <p className="muted">{standingOf(flag).means}</p>
      </header>
      <div className="flag-columns">
        <div className="stack wide">
          <FlagFacts flag={flag} />
        </div>
        <div className="stack wide flag-side">
          <ServingForm flag={flag} />
          <TryIt flag={flag} />
        </div>
        <History of={ofFlag(flag.name)} revision={flag.revision} what="flag" />
      </div>
    </>
  )
}
