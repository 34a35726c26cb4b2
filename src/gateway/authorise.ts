/**
 * Who may call which endpoint. Asked for every request, whichever way it came in, with what a request has before anything of
 * its body is there: a way to read its fields, and the endpoint that its path names. Where the endpoint is named in the
 * body (OpenAI's `model`) it is null at first, and `refuseCall` is asked once it is known.
 */
import type { RequestHead } from '../core/access/carried.ts'
import { type AccessRefusal, refusalToDo } from '../core/access/refusals.ts'
import type { Access, Admission, Principal } from '../ports/access.ts'

export type { RequestHead } from '../core/access/carried.ts'

export type Authorise = {
  /** Whoever is admitted is under way until `leave`; a principal of null is anybody. */
  (head: RequestHead, endpoint: string | null): Admission | { principal: null; refusal: null }
}

export type Door = {
  authorise: Authorise
  leave(principal: Principal | null): void
}

const anybody = { principal: null, refusal: null } as const

/** Without `access` nobody is asked for a key. */
export function createDoor(access: Access | undefined): Door {
  if (access === undefined) return { authorise: () => anybody, leave: () => {} }
  return {
    authorise: (head, endpoint) => access.admit(head, { deed: 'call', endpoint }),
    leave: principal => {
      if (principal !== null) access.leave(principal)
    },
  }
}

/** For an endpoint that only the body names. Null if the caller may call it. */
export function refuseCall(principal: Principal | null, endpoint: string): AccessRefusal | null {
  return principal === null ? null : refusalToDo(principal, { deed: 'call', endpoint })
}
