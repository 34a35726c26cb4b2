/**
 * Who may call which endpoint. Asked for every request, whichever listener read it, with what a request has before anything
 * of its body is there: a way to read its fields, and the endpoint that its path names. Where the endpoint is named in the
 * body (OpenAI's `model`) it is null at first, and `findRoute` asks `refuseCall` once it is known, as it does for all.
 */
import { mayCall } from '../core/access/api-key.ts'
import type { RequestHead } from '../core/access/carried.ts'
import { AccessError, refusalToDo } from '../core/access/refusals.ts'
import type { Access, Principal } from '../ports/access.ts'

export type Door = {
  /** Nobody is asked for a key. */
  readonly isOpen: boolean
  /**
   * Throws unauthenticated, forbidden or rate-limited. Whoever is let in is under way until `leave`; null is anybody.
   */
  authorise(head: RequestHead, endpoint: string | null): Principal | null
  leave(principal: Principal): void
}

export function createDoor(access: Access | undefined): Door {
  if (access === undefined) return { isOpen: true, authorise: () => null, leave: () => {} }
  return {
    isOpen: false,
    authorise(head, endpoint) {
      const { principal, refusal } = access.admit(head, { deed: 'call', endpoint })
      if (refusal !== null) throw new AccessError(refusal)
      return principal
    },
    leave: principal => access.leave(principal),
  }
}

/** Whether a caller is told of an endpoint: of those that its key is for. `principal` is left out where no key is asked for. */
export function mayKnow(principal: Principal | null | undefined, endpoint: string): boolean {
  return principal == null || mayCall(principal, endpoint)
}

/** For an endpoint that only the body names; throws forbidden. */
export function refuseCall(principal: Principal | null, endpoint: string): void {
  const refusal = principal === null ? null : refusalToDo(principal, { deed: 'call', endpoint })
  if (refusal !== null) throw new AccessError(refusal)
}
