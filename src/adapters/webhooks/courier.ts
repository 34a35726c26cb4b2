/**
 * Delivers notices: each is on disk before it is sent, sent again with growing pauses until it is taken, and given up,
 * loudly, after `deliveryAttemptsMax` attempts. Receivers may see one twice, after a crash, and tell it by its id.
 */
import { limits } from '../../core/limits.ts'
import type { SecretRef } from '../../core/webhook.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Deliveries } from '../../ports/deliveries.ts'
import type { Notice, Notices } from '../../ports/notices.ts'
import { after } from '../clock/after.ts'
import type { Attempted, DeliveryStore, DueDelivery, NewDelivery } from './delivery-store.ts'
import { describe, isYes, type Posted, post } from './post.ts'
import { secretProblem, signatureHeaders } from './sign.ts'

export type CourierOptions = {
  store: DeliveryStore
  clock: Clock
  /** The secret that a reference names; null if there is none. */
  secretOf(ref: SecretRef): string | null
  complain(what: string, cause: unknown): void
  post?: typeof post
}

export interface Courier extends Notices, Deliveries {
  /** Resolves when nothing is under way any more, soon: what waits, or has no answer by then, is sent by the next server. */
  close(): Promise<void>
}

const lookIntervalMs = 250

export function createCourier(options: CourierOptions): Courier {
  const { store, clock, complain } = options
  const underWay = new Map<number, { url: string; done: Promise<void> }>()
  /** Deliveries by the event they tell of, written down at the next look. */
  const fresh = new Map<number, NewDelivery[]>()
  /** What became of attempts, until it is written down: what was delivered must not be sent again while the disk is full. */
  const attempted = new Map<number, Attempted>()
  const closing = new AbortController()
  let takenSeq = store.takenSeq()

  /** In the order of the log. One that cannot be written stays, and so does all after it: what is taken has no gaps. */
  const write = (): void => {
    for (const [seq, added] of fresh) {
      store.add(seq, added)
      takenSeq = seq
      fresh.delete(seq)
    }
  }

  const noteAttempts = (): void => {
    for (const [number, outcome] of attempted) {
      store.note(number, outcome)
      attempted.delete(number)
    }
  }

  /** The log of events has them still: the next server takes them from there. */
  const writeLast = (): void => {
    try {
      write()
      noteAttempts()
    } catch (cause) {
      complain('writing down what is to be delivered', cause)
    }
  }

  const note = (number: number, outcome: Attempted): void => {
    attempted.set(number, outcome)
    noteAttempts()
  }

  /** At once and once: the last attempt is days away, and nobody looks for what does not come. */
  const unsigned = new Set<string>()
  const tellUnsigned = (due: DueDelivery, problem: string | null): void => {
    const name = nameOf(due)
    if (problem === null) unsigned.delete(name)
    else if (!unsigned.has(name)) complain(`${name} is told nothing, since it cannot be signed`, new Error(problem))
    if (problem !== null) unsigned.add(name)
  }

  const deliver = async (due: DueDelivery): Promise<void> => {
    const { number, id, url, body, secret } = due
    const key = secret === null ? null : options.secretOf(secret)
    const problem = secretProblem(secret, key)
    tellUnsigned(due, problem)
    const posted: Posted =
      problem !== null
        ? { status: null, text: problem }
        : await (options.post ?? post)({
            url,
            body,
            headers: signatureHeaders({ id, atMs: clock.nowMs(), body, secret: key }),
            timeoutMs: limits.webhookTimeoutMs,
            until: closing.signal,
          })
    if (posted.status === null && closing.signal.aborted) return
    const attempts = due.attempts + 1
    const detail = describe(posted)
    const isLast = attempts >= limits.deliveryAttemptsMax
    if (isYes(posted)) return note(number, { state: 'delivered', attempts, nextAtMs: 0, detail })
    if (isLast) complain(`${nameOf(due)}: telling ${url} of ${id}, for the last time`, new Error(detail))
    const nextAtMs = clock.nowMs() + pauseMs(attempts)
    note(number, { state: isLast ? 'dead' : 'waiting', attempts, nextAtMs, detail })
  }

  const hasRoom = (url: string): boolean =>
    underWay.size < limits.deliveriesAtOnceMax &&
    [...underWay.values()].filter(one => one.url === url).length < limits.deliveriesPerAddressMax

  const deliverDue = (): void => {
    if (underWay.size >= limits.deliveriesAtOnceMax) return
    for (const due of store.due(clock.nowMs(), limits.deliveriesAtOnceMax)) {
      const { number, id, url } = due
      if (underWay.has(number) || attempted.has(number) || !hasRoom(url)) continue
      const done = deliver(due)
        .catch((cause: unknown) => complain(`noting the delivery ${id}`, cause))
        .finally(() => underWay.delete(number))
      underWay.set(number, { url, done })
    }
  }

  let isTroubled = false
  const look = (): void => {
    try {
      write()
      noteAttempts()
      deliverDue()
      isTroubled = false
    } catch (cause) {
      // Once, not at every look: what the log is written to may be as full as this is.
      if (!isTroubled) complain('looking for what is to be delivered', cause)
      isTroubled = true
    }
  }

  const stop = clock.every(lookIntervalMs, look)
  return {
    take(notice) {
      const { seq } = notice.entry
      if (seq <= takenSeq) return
      // Where nobody wants to hear of it there is nothing to write: a log that is read again says so again.
      const wanted = deliveriesOf(notice)
      if (wanted.length > 0) fresh.set(seq, [...(fresh.get(seq) ?? []), ...wanted])
    },
    list: query => {
      write()
      return store.list(query)
    },
    async close() {
      stop()
      const stopWaiting = after(clock, limits.webhookLastWordsMs, () => closing.abort(new Error('the server ends')))
      await Promise.all([...underWay.values()].map(({ done }) => done))
      stopWaiting()
      writeLast()
      store.close()
    },
  }
}

function nameOf({ endpoint, webhook }: Pick<DueDelivery, 'endpoint' | 'webhook'>): string {
  return `webhook ${webhook} of endpoint ${endpoint}`
}

function deliveriesOf({ entry, index, endpoint, to }: Notice): NewDelivery[] {
  return Object.entries(to)
    .filter(([, webhook]) => webhook.events.includes(entry.kind))
    .map(([name, webhook]) => {
      const id = `${entry.seq}.${index}.${endpoint}.${name}`
      const { seq, release, kind, text, candidatePpm, exposure, judgement, atMs } = entry
      const body = {
        type: `release.${kind}`,
        timestamp: new Date(atMs).toISOString(),
        data: { seq, endpoint, release, text, candidatePpm, exposure, verdict: judgement?.verdict ?? null },
      }
      return {
        id,
        endpoint,
        webhook: name,
        release,
        event: kind,
        url: webhook.url,
        secret: webhook.secret,
        body: JSON.stringify(body),
        createdAtMs: atMs,
      }
    })
}

/** Doubling from one second, at most an hour. */
function pauseMs(attempts: number): number {
  return Math.min(limits.deliveryPauseMaxMs, limits.deliveryPauseMinMs * 2 ** (attempts - 1))
}
