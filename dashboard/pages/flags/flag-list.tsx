import { Link } from 'wouter'
import type { WireFlag } from '../../../src/contract/wire/flag.ts'
import { Moment } from '../../parts/moment.tsx'
import { flagPath } from './paths.ts'
import { ShareBar } from './share-bar.tsx'
import { sharesOf } from './shares.ts'
import { StandingBadge } from './standing-badge.tsx'
import { Users } from './users.tsx'
import { listed, nextStep, stepWords } from './words.ts'

/** More rows than anybody reads; the filter finds the rest. */
const rowsMax = 200

export function FlagList({ flags, all }: { flags: readonly WireFlag[]; all: number }) {
  if (all === 0) return <NoFlags />
  if (flags.length === 0) return <p className="muted">None of {all} flags fits the filter.</p>
  return (
    <div className="stack">
      <ul className="cards">
        {flags.slice(0, rowsMax).map(flag => (
          <FlagRow key={flag.name} flag={flag} />
        ))}
      </ul>
      {flags.length > rowsMax && (
        <p className="muted">And {flags.length - rowsMax} more; write into the filter to find them.</p>
      )}
    </div>
  )
}

function FlagRow({ flag }: { flag: WireFlag }) {
  const { name, type, description, usedBy } = flag
  const next = nextStep(flag)
  const about = aboutRules(flag)
  return (
    <li className="panel flag-row">
      <div className="stack tight">
        <div className="row">
          <Link href={flagPath(name)} className="name">
            {name}
          </Link>
          <StandingBadge flag={flag} />
          <span className="muted">{type}</span>
        </div>
        {description !== null && <p className="muted clamp">{description}</p>}
      </div>
      <div className="stack tight">
        <ShareBar shares={sharesOf(flag.serving, flag.variants)} isQuiet={!flag.enabled} />
        {about !== null && <small className="muted">{about}</small>}
      </div>
      <div className="stack tight small">
        {usedBy.length > 0 && <Users users={usedBy.slice(0, 3)} />}
        {usedBy.length > 3 && <span className="muted">and {usedBy.length - 3} more</span>}
        {next !== null && (
          <span className="muted">
            Next: {stepWords(next)} from <Moment at={next.at} />
          </span>
        )}
      </div>
    </li>
  )
}

function aboutRules({ rules, targeting, enabled, requires }: WireFlag): string | null {
  if (!enabled) return 'what it serves once it is switched on'
  const needed = requires.map(({ flag, is }) => `${flag} is ${is.join(' or ')}`)
  const unless = targeting === null ? unlessRules(rules.length) : ['unless its targeting decides otherwise']
  const parts = [...(needed.length === 0 ? [] : [`only while ${listed(needed)}`]), ...unless]
  return parts.length === 0 ? null : parts.join('; ')
}

function unlessRules(count: number): string[] {
  if (count === 0) return []
  return count === 1 ? ['unless its rule fits'] : [`unless one of its ${count} rules fits`]
}

function NoFlags() {
  return (
    <div className="panel">
      <p>There is no flag yet. A boolean one is three lines:</p>
      <pre>{'kind: Flag\nname: new-ranker\nrollout: { on: 5%, off: 95% }'}</pre>
      <p className="muted">
        Save it as <code>flag.yaml</code> and run <code>cutover apply -f flag.yaml</code>, or bring a file of flagd
        along with <code>cutover flags import</code>.
      </p>
    </div>
  )
}
