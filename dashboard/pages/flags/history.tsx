/** Who changed what of a flag or a segment, the newest first, and one step back. */
import { useEffect, useState } from 'react'
import { changeSchema } from '../../../src/contract/wire/change.ts'
import { flagChangeSchema, type WireFlagChange } from '../../../src/contract/wire/flag.ts'
import { listOf } from '../../../src/contract/wire/list.ts'
import { useRead } from '../../api/reading.ts'
import { useWrite } from '../../api/writing.ts'
import { Confirm } from '../../parts/confirm.tsx'
import { Moment } from '../../parts/moment.tsx'
import { ProblemNote } from '../../parts/problem-note.tsx'
import { Waiting } from '../../parts/waiting.tsx'
import { Diff } from './diff.tsx'
import { changeWords } from './words.ts'

const changes = listOf(flagChangeSchema)

/** How many are shown before somebody asks for more. */
const shownFirst = 10

/** `of`: its path in the API. `revision`: where it stands; undefined once it is deleted, where the history knows it. */
export function History({ of, revision, what }: { of: string; revision: number | undefined; what: string }) {
  const read = useRead(`${of}/history`, changes, { everyMs: 10_000 })
  const [isWhole, setWhole] = useState(false)
  const { refetch } = read
  // The thing itself is asked for more often than its history, which may be long.
  useEffect(() => {
    if (revision !== undefined) void refetch({ cancelRefetch: false })
  }, [revision, refetch])
  return (
    <section className="panel" aria-labelledby="history">
      <div className="row spread">
        <h2 id="history">History</h2>
        {read.data !== undefined && <Undo of={of} what={what} revision={revision ?? read.data.items[0]?.revision} />}
      </div>
      <Waiting read={read}>
        {({ items }) => (
          <>
            {items.length === 0 && <p className="muted">No change of it is known to the history yet.</p>}
            <ol className="history">
              {(isWhole ? items : items.slice(0, shownFirst)).map(change => (
                <Changed key={change.revision} change={change} />
              ))}
            </ol>
            {!isWhole && items.length > shownFirst && (
              <button type="button" className="quiet" onClick={() => setWhole(true)}>
                {items.length - shownFirst} older ones
              </button>
            )}
          </>
        )}
      </Waiting>
    </section>
  )
}

function Changed({ change }: { change: WireFlagChange }) {
  const { revision, at, by, differences } = change
  return (
    <li>
      <span className="revision" title={`revision ${revision}`}>
        {revision}
      </span>
      <div className="stack tight">
        <p>
          <b>{by}</b> {changeWords(change)}
        </p>
        <small className="muted">
          <Moment at={at} />
        </small>
        <Diff differences={differences} />
      </div>
    </li>
  )
}

/** What would come back is asked of the server first, and shown; what has changed meanwhile is not taken back unseen. */
function Undo({ of, what, revision }: { of: string; what: string; revision: number | undefined }) {
  const [seen, setSeen] = useState<number | null>(null)
  const trial = useWrite(
    (at: number) => ({ method: 'POST', path: `${of}/undo?dryRun=true&revision=${at}` }),
    changeSchema,
    { changes: false },
  )
  const undo = useWrite((at: number) => ({ method: 'POST', path: `${of}/undo?revision=${at}` }), changeSchema)
  // Without a history there is nothing to take back.
  if (revision === undefined) return null
  const open = () => {
    setSeen(revision)
    trial.mutate(revision)
  }
  const close = () => {
    setSeen(null)
    trial.reset()
    undo.reset()
  }
  return (
    <>
      <button type="button" onClick={open}>
        Undo the last change…
      </button>
      {seen !== null && (
        <Confirm
          title="Take the last change back?"
          verb="Take it back"
          isBusy={!trial.isSuccess || undo.isPending}
          onConfirm={() => undo.mutate(seen, { onSuccess: close })}
          onClose={close}
        >
          <ProblemNote error={trial.error ?? undo.error} />
          {trial.data !== undefined && (
            <>
              <p>
                The {what} goes {trial.data.note ?? 'one step back'}; doing it again brings this one back.
              </p>
              <Diff differences={trial.data.differences} />
            </>
          )}
        </Confirm>
      )}
    </>
  )
}
