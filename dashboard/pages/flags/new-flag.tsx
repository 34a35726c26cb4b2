/** A boolean flag from its name: what has rules, or another type, is a file. */
import { type FormEvent, useState } from 'react'
import { useLocation } from 'wouter'
import { changeSchema } from '../../../src/contract/wire/change.ts'
import { useWrite } from '../../api/writing.ts'
import { Field } from '../../parts/field.tsx'
import { ProblemNote } from '../../parts/problem-note.tsx'
import { flagPath, flagsApi } from './paths.ts'
import { faultAt, rolloutOf, withShare } from './shares.ts'

type Draft = { name: string; description: string; on: string }

/** `taken`: names of the flags that there are, since to apply one of them would change it. */
export function NewFlag({ taken, onClose }: { taken: readonly string[]; onClose(): void }) {
  const [, navigate] = useLocation()
  const [draft, setDraft] = useState<Draft>({ name: '', description: '', on: '0' })
  // The list may be older than a flag that somebody has made since: what the server would do is asked of it first.
  const trial = useWrite((body: object) => ({ method: 'POST', path: `${flagsApi}?dryRun=true`, body }), changeSchema, {
    changes: false,
  })
  const write = useWrite((body: object) => ({ method: 'POST', path: flagsApi, body }), changeSchema)
  const error = trial.error ?? write.error
  const name = draft.name.trim()
  const isTaken = taken.includes(name) || (trial.data !== undefined && trial.data.action !== 'created')
  const change = (part: Partial<Draft>) => {
    trial.reset()
    write.reset()
    setDraft({ ...draft, ...part })
  }
  const make = (document: object) => write.mutate(document, { onSuccess: () => navigate(flagPath(name)) })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isTaken) return
    const document = documentOf({ ...draft, name })
    trial.mutate(document, { onSuccess: ({ action }) => action === 'created' && make(document) })
  }
  const fault = (path: string) => faultAt(error?.problem ?? null, path)
  const inPlace = ['name', 'description', 'rollout', 'rollout.on'].some(path => fault(path) !== null)
  return (
    <section className="panel" aria-labelledby="new-flag">
      <h2 id="new-flag">New flag</h2>
      <form className="stack" onSubmit={submit}>
        <Field label="Name" fault={isTaken ? 'is the name of a flag that there is' : fault('name')}>
          {labelled => (
            <input {...labelled} required value={draft.name} onChange={event => change({ name: event.target.value })} />
          )}
        </Field>
        <Field label="What it is for" hint="May be left out." fault={fault('description')}>
          {labelled => (
            <input
              {...labelled}
              value={draft.description}
              onChange={event => change({ description: event.target.value })}
            />
          )}
        </Field>
        <Field
          label="On for"
          hint="Of all users; it can be changed at any time."
          fault={fault('rollout.on') ?? fault('rollout')}
        >
          {labelled => (
            <span className="percentage">
              <input
                {...labelled}
                inputMode="decimal"
                value={draft.on}
                onChange={event => change({ on: event.target.value })}
              />
              <span aria-hidden="true">%</span>
            </span>
          )}
        </Field>
        {error !== null && !inPlace && <ProblemNote error={error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={trial.isPending || write.isPending}>
            Make it
          </button>
          <button type="button" className="quiet" onClick={onClose}>
            Leave it
          </button>
        </div>
        <p className="muted">
          Flags of other types, with rules, requirements or a schedule are files:{' '}
          <code>cutover apply -f flag.yaml</code>.
        </p>
      </form>
    </section>
  )
}

function documentOf({ name, description, on }: Draft): object {
  const about = description.trim()
  const rollout = rolloutOf(withShare({ on: '0', off: '100' }, 'on', on))
  return { kind: 'Flag', name, ...(about !== '' && { description: about }), rollout }
}
