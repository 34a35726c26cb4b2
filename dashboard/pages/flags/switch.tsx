/** The kill switch, and the way back from what was just done with it. */
import { useState } from 'react'
import { changeSchema } from '../../../src/contract/wire/change.ts'
import type { WireFlag } from '../../../src/contract/wire/flag.ts'
import type { AskError } from '../../api/client.ts'
import { useWrite } from '../../api/writing.ts'
import { Confirm } from '../../parts/confirm.tsx'
import { Field } from '../../parts/field.tsx'
import { ProblemNote } from '../../parts/problem-note.tsx'
import { ofFlag } from './paths.ts'
import { Users } from './users.tsx'

type Verb = 'enable' | 'disable'
type Order = { verb: Verb | 'undo'; revision: number; note?: string }

export function Switch({ flag }: { flag: WireFlag }) {
  const [asked, setAsked] = useState<Verb | null>(null)
  const [done, setDone] = useState<{ verb: Verb; revision: number } | null>(null)
  const write = useWrite(
    ({ verb, revision, note }: Order) => ({
      method: 'POST',
      path: `${ofFlag(flag.name, verb)}?revision=${revision}`,
      ...(verb !== 'undo' && { body: note === undefined ? {} : { note } }),
    }),
    changeSchema,
  )
  const turn = (verb: Verb, note: string) => {
    const { revision } = flag
    write.mutate(
      { verb, revision, ...(note.trim() !== '' && { note: note.trim() }) },
      {
        onSuccess: () => {
          // Another change of the same moment was refused: this one is the next.
          setDone({ verb, revision: revision + 1 })
          setAsked(null)
        },
      },
    )
  }
  const close = () => {
    setAsked(null)
    write.reset()
  }
  const isLast = done !== null && done.revision === flag.revision
  return (
    <>
      <div className="row">
        {isLast && (
          <button
            type="button"
            disabled={write.isPending}
            onClick={() => write.mutate({ verb: 'undo', revision: done.revision }, { onSuccess: () => setDone(null) })}
          >
            {done.verb === 'disable' ? 'Undo the kill' : 'Undo that'}
          </button>
        )}
        {flag.enabled ? (
          <button type="button" className="danger" onClick={() => setAsked('disable')}>
            Kill switch…
          </button>
        ) : (
          <button type="button" onClick={() => setAsked('enable')}>
            Switch on…
          </button>
        )}
      </div>
      {asked === null ? (
        <ProblemNote error={write.error} />
      ) : (
        <Question flag={flag} verb={asked} write={write} onConfirm={turn} onClose={close} />
      )}
    </>
  )
}

type QuestionProps = {
  flag: WireFlag
  verb: Verb
  write: { isPending: boolean; error: AskError | null }
  onConfirm(verb: Verb, note: string): void
  onClose(): void
}

function Question({ flag, verb, write, onConfirm, onClose }: QuestionProps) {
  const [note, setNote] = useState('')
  const isKill = verb === 'disable'
  return (
    <Confirm
      title={isKill ? `Switch ${flag.name} off?` : `Switch ${flag.name} on?`}
      verb={isKill ? 'Switch it off' : 'Switch it on'}
      danger={isKill}
      isBusy={write.isPending}
      onConfirm={() => onConfirm(verb, note)}
      onClose={onClose}
    >
      <ProblemNote error={write.error} />
      <p>
        {isKill
          ? `Everybody gets ${flag.off ?? 'the value in the code'} from the next evaluation on. One step undoes it, with every unit where it was.`
          : 'Its rules and shares decide again from the next evaluation on.'}
      </p>
      {flag.schedule.some(({ past, enabled }) => !past && enabled !== null) && (
        <p className="note warn">Steps of its schedule that would switch it are taken out.</p>
      )}
      {flag.usedBy.length > 0 && (
        <div className="stack tight">
          <p>What depends on it:</p>
          <Users users={flag.usedBy} />
        </div>
      )}
      <Field label="Why" hint="Kept in the history; may be left out.">
        {labelled => (
          <input {...labelled} value={note} maxLength={1_000} onChange={event => setNote(event.target.value)} />
        )}
      </Field>
    </Confirm>
  )
}
