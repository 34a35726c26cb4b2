import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCourier } from '../../../src/adapters/webhooks/courier.ts'
import type { Posted } from '../../../src/adapters/webhooks/post.ts'
import { openSqliteDeliveries } from '../../../src/adapters/webhooks/sqlite-deliveries.ts'
import { limits } from '../../../src/core/limits.ts'
import type { TimelineKind } from '../../../src/core/timeline.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Notice } from '../../../src/ports/notices.ts'
import { tempFolder } from '../temp-folder.ts'

type Sent = { url: string; body: string; headers: Readonly<Record<string, string>> }

const ok: Posted = { status: 204, text: '' }
const refused: Posted = { status: null, text: 'ECONNREFUSED' }
const chat = { url: 'http://127.0.0.1:1/chat', events: ['promoted', 'rolled-back'], secret: { env: 'HUSH' } } as const
const plain = { url: 'http://127.0.0.1:1/plain', events: ['promoted'], secret: null } as const

function notice(seq: number, kind: TimelineKind, over: Partial<Notice> = {}): Notice {
  const entry = {
    seq,
    atMs: 1_000 * seq,
    release: 'digits-1',
    kind,
    text: `${kind} it is`,
    candidatePpm: 0,
    judgement: null,
    exposure: null,
  }
  return { entry, index: 0, endpoint: 'digits', to: { chat }, ...over }
}

/** Couriers one after another on one file, as servers that follow each other; `answers` are given in turn, the last for ever. */
function rig(answers: readonly Posted[] = [ok], { neverAnswers = '' } = {}) {
  const unanswered = Promise.withResolvers<Posted>()
  const file = join(tempFolder(), 'deliveries.db')
  let nowMs = 1_000_000
  const looks = new Set<() => void>()
  const clock: Clock = {
    nowMs: () => nowMs,
    every: (_intervalMs, run) => {
      looks.add(run)
      return () => looks.delete(run)
    },
  }
  const sent: Sent[] = []
  const complaints: string[] = []
  const open = () => {
    const courier = createCourier({
      store: openSqliteDeliveries(file),
      clock,
      secretOf: ({ env }) => ({ HUSH: 'hush', EMPTY: 'whsec_' })[env] ?? null,
      complain: (what, cause) => complaints.push(`${what}: ${String(cause)}`),
      post: async one => {
        sent.push(one)
        if (one.url === neverAnswers) return Promise.race([unanswered.promise, givenUp(one.until)])
        return answers[Math.min(sent.length, answers.length) - 1] ?? ok
      },
    })
    onTestFinished(() => courier.close())
    return courier
  }
  /** Time goes on by this much, then every courier looks, and what is under way ends. */
  const jump = async (ms: number) => {
    nowMs += ms
    for (const look of looks) look()
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  }
  const pass = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 250) await jump(250)
  }
  /** From now on, until the returned function is called, no delivery can be written down. */
  const fill = (what: 'INSERT' | 'UPDATE' = 'INSERT'): (() => void) => {
    const database = new DatabaseSync(file)
    database.exec(`CREATE TRIGGER full BEFORE ${what} ON deliveries BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
    return () => {
      database.exec('DROP TRIGGER full')
      database.close()
    }
  }
  return { open, sent, complaints, pass, jump, fill, release: () => unanswered.resolve(ok) }
}

function givenUp(until: AbortSignal | undefined): Promise<Posted> {
  return new Promise(resolve =>
    until?.addEventListener('abort', () => resolve({ status: null, text: String(until.reason) })),
  )
}

describe('the courier', () => {
  it('delivers what a webhook wants, signed, and nothing else', async () => {
    const { open, sent, pass } = rig()
    const courier = open()
    courier.take(notice(1, 'started'))
    courier.take(notice(2, 'promoted', { to: { chat, plain } }))
    await pass(500)
    expect(sent.map(({ url }) => url).toSorted()).toEqual([chat.url, plain.url])
    const [toChat] = sent.filter(({ url }) => url === chat.url)
    expect(toChat?.headers['webhook-signature']).toMatch(/^v1,/)
    expect(JSON.parse(toChat?.body ?? '')).toMatchObject({
      type: 'release.promoted',
      timestamp: '1970-01-01T00:00:02.000Z',
      data: { seq: 2, endpoint: 'digits', release: 'digits-1', text: 'promoted it is' },
    })
    expect(courier.list({ limit: 10 }).map(({ state }) => state)).toEqual(['delivered', 'delivered'])
  })

  it('tells of a version that no release has made stable without a release', async () => {
    const { open, sent, pass } = rig()
    const courier = open()
    const of = { release: null, candidatePpm: null } as const
    const watched = { ...plain, events: ['monitored'] } as const
    const { entry } = notice(2, 'monitored')
    courier.take({ ...notice(2, 'monitored'), entry: { ...entry, ...of }, to: { watched } })
    await pass(250)
    expect(JSON.parse(sent[0]?.body ?? '')).toMatchObject({
      type: 'release.monitored',
      data: { endpoint: 'digits', ...of },
    })
    expect(courier.list({ limit: 1 })[0]).toMatchObject({ id: '2.0.digits.watched', release: null, state: 'delivered' })
  })

  it('tries again with growing pauses until it is taken, under the same id', async () => {
    const { open, sent, pass } = rig([refused, { status: 500, text: 'busy' }, ok])
    const courier = open()
    courier.take(notice(1, 'promoted'))
    await pass(500)
    expect(courier.list({ limit: 1 })[0]).toMatchObject({ state: 'waiting', attempts: 1, detail: 'ECONNREFUSED' })
    await pass(4_000)
    expect(sent).toHaveLength(3)
    expect(new Set(sent.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(courier.list({ limit: 1 })[0]).toMatchObject({ state: 'delivered', attempts: 3 })
  })

  it('tries again, and what is new at once, when the clock was put back', async () => {
    const { open, sent, jump } = rig([refused, ok])
    const courier = open()
    courier.take(notice(900, 'promoted'))
    await jump(0)
    await jump(-2 * limits.deliveryPauseMaxMs)
    courier.take(notice(901, 'promoted'))
    await jump(250)
    expect(sent.map(({ headers }) => headers['webhook-id'])).toEqual([
      '900.0.digits.chat',
      '900.0.digits.chat',
      '901.0.digits.chat',
    ])
  })

  it('waits no longer than its pause when the clock was put back by less than the longest', async () => {
    const { open, sent, jump } = rig([refused, refused, ok])
    const courier = open()
    courier.take(notice(1, 'promoted'))
    await jump(0)
    await jump(-limits.deliveryPauseMaxMs / 2)
    expect(sent).toHaveLength(2)
    await jump(limits.deliveryPauseMinMs)
    expect(sent).toHaveLength(2)
    await jump(limits.deliveryPauseMinMs)
    expect(sent).toHaveLength(3)
    expect(courier.list({ limit: 1 })[0]).toMatchObject({ state: 'delivered', attempts: 3 })
  })

  it('tells others at once while a receiver answers nothing, however much waits for that one', async () => {
    const never = { url: 'http://127.0.0.1:1/never', events: ['promoted'], secret: null } as const
    const { open, sent, jump, release } = rig([ok], { neverAnswers: never.url })
    const courier = open()
    for (let seq = 1; seq <= 100; seq++) courier.take(notice(seq, 'promoted', { to: { never } }))
    await jump(0)
    expect(sent).toHaveLength(limits.deliveriesPerAddressMax)
    for (let seq = 101; seq <= 103; seq++) courier.take(notice(seq, 'promoted', { to: { plain } }))
    await jump(250)
    expect(courier.list({ state: 'delivered', limit: 10 }).map(({ id }) => id)).toEqual([
      '103.0.digits.plain',
      '102.0.digits.plain',
      '101.0.digits.plain',
    ])
    expect(sent).toHaveLength(limits.deliveriesPerAddressMax + 3)
    release()
  })

  it('gives up in the end, and says so', async () => {
    const { open, sent, complaints, jump } = rig([refused])
    const courier = open()
    courier.take(notice(1, 'promoted'))
    for (let attempt = 0; attempt < limits.deliveryAttemptsMax + 3; attempt++) await jump(limits.deliveryPauseMaxMs)
    expect(sent).toHaveLength(limits.deliveryAttemptsMax)
    expect(courier.list({ state: 'dead', limit: 10 })).toHaveLength(1)
    expect(complaints).toEqual([expect.stringMatching(/for the last time.*ECONNREFUSED/)])
  })

  it('leaves to the next server what was not delivered', async () => {
    const { open, sent, pass } = rig([refused, ok])
    const first = open()
    first.take(notice(1, 'promoted'))
    await pass(500)
    await first.close()
    const second = open()
    await pass(2_000)
    expect(sent).toHaveLength(2)
    expect(second.list({ limit: 1 })[0]).toMatchObject({ state: 'delivered' })
  })

  it('takes nothing a second time when the log is read again', async () => {
    const { open, sent, pass } = rig()
    const first = open()
    const log = [notice(1, 'started'), notice(2, 'promoted'), notice(3, 'rolled-back')]
    for (const one of log) first.take(one)
    await pass(500)
    await first.close()
    const second = open()
    for (const one of [...log, notice(4, 'promoted')]) second.take(one)
    await pass(500)
    expect(sent.map(({ headers }) => headers['webhook-id'])).toEqual([
      '2.0.digits.chat',
      '3.0.digits.chat',
      '4.0.digits.chat',
    ])
  })

  it('loses nothing that its store could not take at first, nor what came after that', async () => {
    const { open, sent, complaints, pass, fill } = rig()
    const courier = open()
    const free = fill()
    courier.take(notice(1, 'promoted'))
    await pass(500)
    courier.take(notice(2, 'promoted'))
    expect([sent, complaints]).toEqual([[], [expect.stringContaining('the disk is full')]])
    free()
    await pass(500)
    expect(sent.map(({ headers }) => headers['webhook-id'])).toEqual(['1.0.digits.chat', '2.0.digits.chat'])
  })

  it('sends once what its store could not note as delivered, and notes it when there is room again', async () => {
    const { open, sent, complaints, pass, fill } = rig()
    const courier = open()
    const free = fill('UPDATE')
    courier.take(notice(1, 'promoted'))
    await pass(5_000)
    expect(sent).toHaveLength(1)
    expect(complaints.length).toBeLessThanOrEqual(2)
    free()
    await pass(500)
    expect(sent).toHaveLength(1)
    expect(courier.list({ limit: 1 })[0]).toMatchObject({ state: 'delivered', attempts: 1 })
  })

  it('ends soon though a receiver does not answer, and leaves that to the next server', async () => {
    const never = { url: 'http://127.0.0.1:1/never', events: ['promoted'], secret: null } as const
    const { open, sent, jump } = rig([ok], { neverAnswers: never.url })
    const first = open()
    first.take(notice(1, 'promoted', { to: { never } }))
    await jump(0)
    const closed = first.close()
    await jump(limits.webhookLastWordsMs)
    await closed
    const second = open()
    await jump(250)
    expect(sent).toHaveLength(2)
    expect(second.list({ limit: 1 })[0]).toMatchObject({ state: 'waiting', attempts: 0 })
    const last = second.close()
    await jump(limits.webhookLastWordsMs)
    await last
  })

  it('ends though its store is full, and the next server takes from the log what was not written down', async () => {
    const { open, sent, pass, fill } = rig()
    const first = open()
    const log = [notice(1, 'promoted'), notice(2, 'promoted')]
    const free = fill()
    for (const one of log) first.take(one)
    await first.close()
    free()
    const second = open()
    for (const one of log) second.take(one)
    await pass(500)
    expect(sent).toHaveLength(2)
  })

  it('does not sign with a key that everybody has', async () => {
    const { open, sent, pass } = rig()
    const courier = open()
    courier.take(notice(1, 'promoted', { to: { chat: { ...chat, secret: { env: 'EMPTY' } } } }))
    await pass(500)
    expect(sent).toEqual([])
    expect(courier.list({ limit: 1 })[0]?.detail).toBe('what the variable EMPTY holds after whsec_ is not base64')
  })

  it('does not send unsigned what was to be signed', async () => {
    const { open, sent, pass } = rig()
    const courier = open()
    courier.take(notice(1, 'promoted', { to: { chat: { ...chat, secret: { env: 'MISSING' } } } }))
    await pass(500)
    expect(sent).toEqual([])
    expect(courier.list({ limit: 1 })[0]).toMatchObject({
      state: 'waiting',
      detail: 'the variable MISSING holds no secret',
    })
  })

  it('says at once, and once, which webhook of which endpoint cannot be signed', async () => {
    const { open, complaints, pass } = rig()
    const courier = open()
    const to = { chat: { ...chat, secret: { env: 'MISSING' } } }
    for (const seq of [1, 2]) courier.take(notice(seq, 'promoted', { to }))
    await pass(5_000)
    expect(complaints).toEqual([
      'webhook chat of endpoint digits is told nothing, since it cannot be signed: Error: the variable MISSING holds no secret',
    ])
  })
})
