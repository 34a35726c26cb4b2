/** Who may come in: asked once for every request, on both listeners. */
import type { ApiKey } from '../core/access/api-key.ts'
import type { RequestHead } from '../core/access/carried.ts'
import type { AccessRefusal, Wish } from '../core/access/refusals.ts'

export type Principal = Readonly<Pick<ApiKey, 'id' | 'name' | 'role' | 'endpoints'>>

export type Admission = { principal: Principal; refusal: null } | { principal: null; refusal: AccessRefusal }

export interface Access {
  /** Whoever was admitted is under way until `leave`. */
  admit(head: RequestHead, wish: Wish): Admission
  leave(principal: Principal): void
  /** Whether who was admitted would be still: its key may have ended meanwhile. Counts nothing. */
  stillLets(head: RequestHead, wish: Wish): boolean
}
