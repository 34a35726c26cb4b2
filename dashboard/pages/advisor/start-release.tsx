/** A plan is tried with the server before it is started, and started after a question. */
import { useState } from 'react'
import { useLocation } from 'wouter'
import type { WireAdvicePlan } from '../../../src/contract/wire/advice.ts'
import { changeSchema, type WireChange } from '../../../src/contract/wire/change.ts'
import { releaseSchema } from '../../../src/contract/wire/release.ts'
import { useWrite } from '../../api/writing.ts'
import { Confirm } from '../../parts/confirm.tsx'
import { ProblemNote } from '../../parts/problem-note.tsx'

type Document = WireAdvicePlan['document']

export function StartRelease({ plan: { document, name } }: { plan: WireAdvicePlan }) {
  const [, navigate] = useLocation()
  const [isConfirming, setConfirming] = useState(false)
  const trial = useWrite(
    (body: Document) => ({ method: 'POST', path: '/api/v1/releases?dryRun=true', body }),
    changeSchema,
    { changes: false },
  )
  const start = useWrite((body: Document) => ({ method: 'POST', path: '/api/v1/releases', body }), releaseSchema)
  const begin = () =>
    start.mutate(document, {
      onSuccess: ({ id }) => navigate(`/releases/${id}`),
      onSettled: () => setConfirming(false),
    })
  return (
    <section className="stack" aria-label="Start it">
      <div className="row">
        <button type="button" onClick={() => trial.mutate(document)} disabled={trial.isPending}>
          Try it without starting
        </button>
        <button type="button" className="primary" onClick={() => setConfirming(true)} disabled={!trial.isSuccess}>
          Start this release…
        </button>
        {!trial.isSuccess && <span className="muted">It can be started once the server has taken it in a trial.</span>}
      </div>
      <ProblemNote error={trial.error ?? start.error} />
      {trial.data !== undefined && <TrialNote change={trial.data} />}
      {isConfirming && (
        <Confirm
          title={`Start “${name}” on ${String(document['endpoint'])}?`}
          verb="Start it"
          isBusy={start.isPending}
          onConfirm={begin}
          onClose={() => setConfirming(false)}
        >
          <p>
            It moves traffic by its own rules from then on, and can be paused or brought back at any time from its page.
          </p>
        </Confirm>
      )}
    </section>
  )
}

function TrialNote({ change: { action, note, forecast } }: { change: WireChange }) {
  const warnings = forecast?.warnings ?? []
  const peak = Math.max(0, ...(forecast?.stages ?? []).map(({ peakInstances }) => peakInstances))
  return (
    <div className={`note ${warnings.length > 0 ? 'warn' : 'good'}`} role="status">
      <p>
        The server would take it: {action === 'queued' ? 'it would wait for its turn' : 'it would start at once'}, with
        at most {peak} instances at a time.
      </p>
      {note !== null && <p>{note}</p>}
      {warnings.length > 0 && (
        <ul>
          {warnings.map(text => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
    </div>
  )
}
