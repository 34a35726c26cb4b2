/** One plan in full: why, what it costs and promises, the samples behind its verdicts, and its release file. */
import { useRef } from 'react'
import type { WireAdvicePlan } from '../../../src/contract/wire/advice.ts'
import { planFacts } from '../../../src/contract/words/advice.ts'
import { longDuration } from '../../../src/contract/words/quantities.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Fact } from '../../parts/fact.tsx'
import { StartRelease } from './start-release.tsx'

type Props = { plan: WireAdvicePlan }

export function PlanDetail({ plan }: Props) {
  return (
    <article className="panel plan" aria-label={`Plan ${plan.rank}`}>
      <div className="row spread">
        <h2>
          {plan.rank}. {plan.name}
        </h2>
        {plan.possible ? (
          <span className={`badge ${plan.rank === 1 ? 'good' : ''}`}>{plan.rank === 1 ? 'Best fit' : 'Possible'}</span>
        ) : (
          <span className="badge bad">Not possible</span>
        )}
      </div>
      <Reasons plan={plan} />
      <dl className="facts">
        {planFacts(plan).map(([name, text]) => (
          <Fact key={name} name={name}>
            {text}
          </Fact>
        ))}
      </dl>
      <Verdicts plan={plan} />
      <ReleaseFile plan={plan} />
      {plan.possible && <StartRelease key={plan.file} plan={plan} />}
    </article>
  )
}

type Reason = WireAdvicePlan['fit'][number]

function Reasons({ plan: { fit, misfit, refusals } }: Props) {
  return (
    <ul className="reasons">
      {fit.map(reason => (
        <ReasonLine key={reason.rule} reason={reason} tone="good" sign="+" />
      ))}
      {misfit.map(reason => (
        <ReasonLine key={reason.rule} reason={reason} tone={reason.effect === 'veto' ? 'bad' : 'warn'} sign="−" />
      ))}
      {refusals.map(({ path, message }) => (
        <li key={path + message} className="bad">
          <b>refused</b>
          <span>
            <code>{path}</code> {message}
          </span>
        </li>
      ))}
    </ul>
  )
}

function ReasonLine({ reason, tone, sign }: { reason: Reason; tone: string; sign: string }) {
  const { effect, says, source } = reason
  return (
    <li className={tone}>
      <b>{effect === 'veto' ? 'excluded' : `${sign}${Math.abs(effect)}`}</b>
      <span>
        {says}{' '}
        <small>
          {/^https?:/.test(source.url) ? (
            <a href={source.url} target="_blank" rel="noreferrer noopener">
              {source.title}
            </a>
          ) : (
            source.title
          )}
        </small>
      </span>
    </li>
  )
}

/** What each verdict needs, and what the same question would need if it were looked at once. */
function Verdicts({ plan: { verdicts } }: Props) {
  if (verdicts.length === 0) return null
  return (
    <section className="stack">
      <h3>What its verdicts rest on</h3>
      <ul className="verdicts">
        {verdicts.map(({ stage, asks, of, sample, expectedMs, says }) => (
          <li key={stage + asks}>
            <p>
              <b>{stage}</b>: {asks}
            </p>
            <dl className="figures">
              <Fact name="Time">{expectedMs === null ? 'not known' : `about ${longDuration(expectedMs)}`}</Fact>
              {sample !== null && (
                <>
                  <Fact name={`Sample, ${of}`}>{whole(sample.needed)}</Fact>
                  <Fact name="In a single look">{whole(sample.fixed)}</Fact>
                  <Fact name="Price of looking always">{`${Number(sample.inflation.toFixed(1))}×`}</Fact>
                  <Fact name="Alpha">{String(sample.alpha)}</Fact>
                  <Fact name="Power">{String(sample.power)}</Fact>
                </>
              )}
            </dl>
            <p className="muted">{says}</p>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** 1 400 000 with thin spaces, which is read alike everywhere. */
function whole(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

function ReleaseFile({ plan: { file } }: Props) {
  const shown = useRef<HTMLPreElement>(null)
  return (
    <section className="stack">
      <div className="row spread">
        <h3>Its release file</h3>
        <CopyButton key={file} text={file} what="the file" shown={shown} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard. */}
      <pre ref={shown} tabIndex={0} data-part="release-file">
        {file}
      </pre>
    </section>
  )
}
