/** Changes on the ground of what somebody has seen: refused where it is another one by now. */
import { CutoverError } from '../core/errors.ts'

type Changes = readonly { revision: number }[]

/** `revision` is what the caller has seen; undefined asks nothing, and what is not there is refused elsewhere. */
export function assertRevision(what: string, changes: Changes = [], revision: number | undefined): void {
  const now = changes.at(-1)?.revision
  if (revision === undefined || now === undefined || revision === now) return
  throw new CutoverError(
    'revision-conflict',
    `${what} is at revision ${now} and not at ${revision}: somebody has changed it meanwhile; look at it again`,
    [
      {
        path: 'query.revision',
        message: 'is not the revision that it stands at',
        value: revision,
        allowed: [String(now)],
      },
    ],
  )
}
