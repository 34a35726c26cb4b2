/** An operator's words to a release, each after a question; why may be said with it. */
import { useState } from 'react'
import { releaseSchema, type WireRelease } from '../../../src/contract/wire/release.ts'
import { useWrite } from '../../api/writing.ts'
import { Confirm } from '../../parts/confirm.tsx'
import { Field } from '../../parts/field.tsx'
import { ProblemNote } from '../../parts/problem-note.tsx'
import { type Verb, verbsFor, verbWords } from './verbs.ts'

export function Operate({ release }: { release: WireRelease }) {
  const [verb, setVerb] = useState<Verb | null>(null)
  const [note, setNote] = useState('')
  const said = useWrite(
    (word: Verb) => ({
      method: 'POST',
      path: `/api/v1/releases/${encodeURIComponent(release.id)}/${word}`,
      body: note.trim() === '' ? {} : { note: note.trim() },
    }),
    releaseSchema,
  )
  const close = () => {
    setVerb(null)
    setNote('')
    said.reset()
  }
  const verbs = verbsFor(release)
  // A question that is open stays, also where the release ended under it: what the server says then is in it.
  if (verbs.length === 0 && verb === null) return null
  return (
    <div className="stack">
      <div className="row">
        {verbs.map(word => (
          <button
            key={word}
            type="button"
            className={word === 'rollback' ? 'danger' : ''}
            onClick={() => setVerb(word)}
          >
            {verbWords[word].name}…
          </button>
        ))}
      </div>
      {verb !== null && (
        <Confirm
          title={`${verbWords[verb].name} ${release.id}?`}
          verb={verbWords[verb].name}
          danger={verbWords[verb].isGrave}
          isBusy={said.isPending}
          onConfirm={() => said.mutate(verb, { onSuccess: close })}
          onClose={close}
        >
          <p>{verbWords[verb].does(release)}</p>
          <ProblemNote error={said.error} />
          <Field label="Why" hint="Kept in the log with it; may be left empty.">
            {labelled => (
              <input {...labelled} value={note} maxLength={1_000} onChange={event => setNote(event.target.value)} />
            )}
          </Field>
        </Confirm>
      )}
    </div>
  )
}
