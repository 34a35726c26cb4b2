/** The three states of everything that is read: not here yet, refused, or here. */
import type { ReactNode } from 'react'
import type { Read } from '../api/reading.ts'
import { ProblemNote } from './problem-note.tsx'

/** An answer that came stays in sight while a later question fails, with the reason above it. */
export function Waiting<Answer>({ read, children }: { read: Read<Answer>; children(answer: Answer): ReactNode }) {
  const { data, error } = read
  return (
    <>
      <ProblemNote error={error} />
      {data === undefined && error === null && (
        <p className="muted" role="status">
          Asking the server…
        </p>
      )}
      {data !== undefined && children(data)}
    </>
  )
}
