/** What a flag is now: what it serves, to whom, on what conditions, and what will change by itself. */
import { Link } from 'wouter'
import type { WireFlag } from '../../../src/contract/wire/flag.ts'
import { Fact } from '../../parts/fact.tsx'
import { Moment } from '../../parts/moment.tsx'
import { flagPath } from './paths.ts'
import { ShareBar } from './share-bar.tsx'
import { sharesOf } from './shares.ts'
import { Users } from './users.tsx'
import { stepWords } from './words.ts'

export function FlagFacts({ flag }: { flag: WireFlag }) {
  return (
    <>
      <section className="panel" aria-labelledby="serves">
        <h2 id="serves">Who gets what</h2>
        {flag.requires.length > 0 && <Requirements flag={flag} />}
        <ol className="rules">
          {flag.rules.map(rule => (
            <li key={rule.name} className="stack tight">
              <h3>{rule.name}</h3>
              <p className="clamp-long">{rule.when.length === 0 ? 'Everybody' : `When ${rule.when.join(' and ')}`}</p>
              <ShareBar shares={sharesOf(rule.serving, flag.variants)} isQuiet={!flag.enabled} />
              {rule.serving.by !== null && <small className="muted">hashed by {rule.serving.by}</small>}
            </li>
          ))}
          {flag.targeting !== null && (
            <li className="stack tight">
              <h3>Targeting</h3>
              <pre>{JSON.stringify(flag.targeting, null, 2)}</pre>
            </li>
          )}
          <li className="stack tight">
            <h3>{flag.rules.length === 0 && flag.targeting === null ? 'Everybody' : 'Everybody else'}</h3>
            <ShareBar shares={sharesOf(flag.serving, flag.variants)} isQuiet={!flag.enabled} />
            {flag.serving?.weightsPpm != null && (
              <small className="muted">
                hashed by {flag.serving.by ?? flag.unit}
                {flag.salt !== flag.name && `, with the salt ${flag.salt}`}
              </small>
            )}
          </li>
        </ol>
      </section>
      {flag.schedule.length > 0 && <Schedule flag={flag} />}
      <Variants flag={flag} />
      {flag.usedBy.length > 0 && (
        <section className="panel" aria-labelledby="users">
          <h2 id="users">What depends on it</h2>
          <Users users={flag.usedBy} />
        </section>
      )}
    </>
  )
}

function Requirements({ flag: { requires } }: { flag: WireFlag }) {
  return (
    <p>
      Only while{' '}
      {requires.map(({ flag, is }, index) => (
        <span key={flag}>
          {index > 0 && ' and '}
          <Link href={flagPath(flag)}>{flag}</Link> is {is.join(' or ')}
        </span>
      ))}
      ; otherwise everybody gets what they get while it is switched off.
    </p>
  )
}

function Schedule({ flag: { schedule } }: { flag: WireFlag }) {
  return (
    <section className="panel" aria-labelledby="schedule">
      <h2 id="schedule">Schedule</h2>
      <ol className="schedule">
        {schedule.map(step => (
          <li key={step.at} data-past={step.past}>
            <Moment at={step.at} />
            <span>{stepWords(step)}</span>
            {step.past && <span className="muted">has come</span>}
          </li>
        ))}
      </ol>
    </section>
  )
}

function Variants({ flag }: { flag: WireFlag }) {
  const { variants, off, metadata } = flag
  return (
    <section className="panel" aria-labelledby="variants">
      <h2 id="variants">Variants</h2>
      <dl className="facts">
        {Object.entries(variants).map(([name, value]) => (
          <Fact key={name} name={name === off ? `${name} (off)` : name}>
            <code>{JSON.stringify(value)}</code>
          </Fact>
        ))}
        {off === null && <Fact name="off">the value in the code</Fact>}
        {Object.entries(metadata).map(([name, value]) => (
          <Fact key={`metadata ${name}`} name={name}>
            {String(value)}
          </Fact>
        ))}
      </dl>
    </section>
  )
}
