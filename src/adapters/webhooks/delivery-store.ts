/** Deliveries in a database, so that none is lost between an event and its last attempt. */
import { limits } from '../../core/limits.ts'
import type { SecretRef } from '../../core/webhook.ts'
import type { Deliveries, Delivery, DeliveryState } from '../../ports/deliveries.ts'
import { type SqlDatabase, storeGuard } from '../sql/database.ts'

export type NewDelivery = Pick<
  Delivery,
  'id' | 'endpoint' | 'webhook' | 'release' | 'event' | 'url' | 'createdAtMs'
> & {
  secret: SecretRef | null
  body: string
}

export type DueDelivery = {
  number: number
  id: string
  endpoint: string
  webhook: string
  url: string
  secret: SecretRef | null
  body: string
  attempts: number
}

/** What became of an attempt. */
export type Attempted = { state: DeliveryState; attempts: number; nextAtMs: number; detail: string }

export interface DeliveryStore extends Deliveries {
  /** The number of the last event whose notices are here. */
  takenSeq(): number
  /** All of an event's notices at once, with the event's number. */
  add(seq: number, added: readonly NewDelivery[]): void
  /**
   * What was never tried, what has had its pause, and what has longer to wait than its pause is: the clock was put back. Of
   * each address the first few, so that those of one do not fill the list.
   */
  due(nowMs: number, limit: number): readonly DueDelivery[]
  note(number: number, outcome: Attempted): void
  close(): void
}

/** The database has the tables already. */
export function openDeliveryStore(database: SqlDatabase): DeliveryStore {
  const taken = database.prepare('SELECT seq FROM taken')
  const take = database.prepare('UPDATE taken SET seq = ?')
  const insert = database.prepare(
    `INSERT INTO deliveries
     (id, endpoint, webhook, release, event, url, secret_env, body, state, attempts, created_at_ms, next_at_ms, detail)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, ?, ?, '') ON CONFLICT (id) DO NOTHING`,
  )
  const forget = database.prepare(
    `DELETE FROM deliveries WHERE state <> 'waiting' AND number <= (SELECT max(number) FROM deliveries) - ?`,
  )
  // Doubling is shifting; after 30 of them it is the longest pause anyhow.
  const doublings = 'CASE WHEN attempts < 1 THEN 0 WHEN attempts > 31 THEN 30 ELSE attempts - 1 END'
  const doubledMs = `(CAST(${limits.deliveryPauseMinMs} AS bigint) << (${doublings}))`
  const pauseMs = `CASE WHEN ${doubledMs} < ${limits.deliveryPauseMaxMs} THEN ${doubledMs} ELSE ${limits.deliveryPauseMaxMs} END`
  const due = database.prepare(
    `SELECT number, id, endpoint, webhook, url, secret_env, body, attempts FROM (
       SELECT *, row_number() OVER (PARTITION BY url ORDER BY next_at_ms, number) AS place FROM deliveries
       WHERE state = 'waiting' AND (next_at_ms <= ?1 OR next_at_ms > ?1 + ${pauseMs} OR attempts = 0)
     ) AS placed WHERE place <= ${limits.deliveriesPerAddressMax} ORDER BY next_at_ms, number LIMIT ?2`,
  )
  const note = database.prepare(
    'UPDATE deliveries SET state = ?, attempts = ?, next_at_ms = ?, detail = ? WHERE number = ?',
  )
  const list = database.prepare(
    `SELECT * FROM deliveries WHERE (CAST(?1 AS text) IS NULL OR endpoint = ?1) AND (CAST(?2 AS text) IS NULL OR state = ?2)
     ORDER BY number DESC LIMIT ?3`,
  )
  const guard = storeGuard(database)
  return {
    takenSeq: () => guard('read deliveries from', () => Number(taken.get()?.['seq'] ?? 0)),
    add: (seq, added) =>
      guard('add deliveries to', () =>
        database.transact(() => {
          for (const one of added) {
            const { id, endpoint, webhook, release, event, url, secret, body, createdAtMs } = one
            const whence = [id, endpoint, webhook, release ?? noRelease, event] as const
            insert.run(...whence, url, secret?.env ?? null, body, createdAtMs, createdAtMs)
          }
          take.run(seq)
          forget.run(limits.deliveriesKept)
        }),
      ),
    due: (nowMs, limit) => guard('read deliveries from', () => due.all(nowMs, limit).map(dueRow)),
    note: (number, { state, attempts, nextAtMs, detail }) =>
      guard('note a delivery in', () => void note.run(state, attempts, nextAtMs, detail, number)),
    list: ({ endpoint, state, limit }) =>
      guard('read deliveries from', () => list.all(endpoint ?? null, state ?? null, limit).map(row)),
    close: () => {
      if (database.isOpen) database.close()
    },
  }
}

type Row = Record<string, unknown>

/** The column takes no null, and no release has this name. */
const noRelease = ''

function dueRow(found: Row): DueDelivery {
  const env = found['secret_env']
  return {
    number: Number(found['number']),
    id: String(found['id']),
    endpoint: String(found['endpoint']),
    webhook: String(found['webhook']),
    url: String(found['url']),
    secret: typeof env === 'string' ? { env } : null,
    body: String(found['body']),
    attempts: Number(found['attempts']),
  }
}

function row(found: Row): Delivery {
  return {
    id: String(found['id']),
    endpoint: String(found['endpoint']),
    webhook: String(found['webhook']),
    release: found['release'] === noRelease ? null : String(found['release']),
    event: String(found['event']),
    url: String(found['url']),
    state: found['state'] as DeliveryState,
    attempts: Number(found['attempts']),
    createdAtMs: Number(found['created_at_ms']),
    nextAtMs: Number(found['next_at_ms']),
    detail: String(found['detail']),
  }
}
