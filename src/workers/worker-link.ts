/** One gateway worker as the main thread knows it: what it is asked, what it has counted, and that it has ended. */
import type { MessagePort } from 'node:worker_threads'
import type { FleetGuest } from '../adapters/deployer/threads/shared-fleets.ts'
import { assertNever } from '../core/errors.ts'
import type { Remembered } from '../gateway/conversations.ts'
import { noCounts } from './counts.ts'
import type { Asked, AskResult, Call, Counts, FromWorker, Reply, ToWorker } from './messages.ts'

/** A thread, or what a test has in its place. */
export interface WorkerThread {
  post(message: ToWorker, transfer: (ArrayBuffer | MessagePort)[]): void
  /** At once, whatever it does. */
  end(): Promise<unknown>
}

/** Ports into models, where nobody is that could call by them. */
export function closePorts(transfer: readonly (ArrayBuffer | MessagePort)[]): void {
  for (const one of transfer) if (!(one instanceof ArrayBuffer)) one.close()
}

export type WorkerLinkEvents = {
  remembered(link: WorkerLink, remembered: readonly Remembered[]): void
  fleets(link: WorkerLink, told: Extract<FromWorker, { kind: 'fleets' }>['told']): void
  /** Never rejects. */
  call(call: Call): Promise<Reply>
}

export class WorkerLink implements FleetGuest {
  readonly #events: WorkerLinkEvents
  readonly #pending = new Map<number, (result: AskResult | null) => void>()
  #thread: WorkerThread | null = null
  #lastId = 0
  #counts: Counts = noCounts
  #hasEnded = false
  /** Since it was looked after last; null before its first word, which may take as long as it likes. */
  #hasSpoken: boolean | null = null
  #silentLooks = 0
  /** What it said of itself before it ended. */
  #failure: string | null = null

  constructor(events: WorkerLinkEvents) {
    this.#events = events
  }

  get counts(): Counts {
    return this.#counts
  }

  get failure(): string | null {
    return this.#failure
  }

  begin(thread: WorkerThread): void {
    this.#thread = thread
  }

  post(message: ToWorker, transfer: (ArrayBuffer | MessagePort)[] = []): void {
    if (!this.#hasEnded) this.#thread?.post(message, transfer)
  }

  /** Null if it ends before it has answered. */
  ask(ask: Asked): Promise<AskResult | null> {
    if (this.#hasEnded) return Promise.resolve(null)
    this.#lastId += 1
    const id = this.#lastId
    return new Promise(resolve => {
      this.#pending.set(id, resolve)
      this.post({ kind: 'ask', id, ask })
    })
  }

  tell(news: Extract<ToWorker, { kind: 'fleets' }>['news'], ports: MessagePort[]): void {
    this.post({ kind: 'fleets', news }, ports)
  }

  /**
   * How often in a row it was looked after without a word since the look before. Looks are counted, not time: while this
   * thread is busy itself, or the machine sleeps, nobody can be heard.
   */
  look(): number {
    this.#silentLooks = this.#hasSpoken === false ? this.#silentLooks + 1 : 0
    if (this.#hasSpoken !== null) this.#hasSpoken = false
    return this.#silentLooks
  }

  hear(message: FromWorker): void {
    this.#hasSpoken = true
    switch (message.kind) {
      case 'done':
        this.#pending.get(message.id)?.(message.result)
        this.#pending.delete(message.id)
        return
      case 'counts':
        this.#counts = message.counts
        return
      case 'fleets':
        this.#events.fleets(this, message.told)
        return
      case 'call':
        void this.#carryOut(message.id, message.call)
        return
      case 'remembered':
        this.#events.remembered(this, message.remembered)
        return
      case 'failing':
        this.#failure = message.detail
        return
      default:
        assertNever(message)
    }
  }

  end(): Promise<unknown> {
    return this.#thread?.end() ?? Promise.resolve()
  }

  ended(): void {
    this.#hasEnded = true
    for (const resolve of this.#pending.values()) resolve(null)
    this.#pending.clear()
  }

  async #carryOut(id: number, call: Call): Promise<void> {
    const reply = await this.#events.call(call)
    const buffers = reply.kind === 'appended' && reply.read !== null ? [reply.read] : []
    this.post({ kind: 'replied', id, reply }, buffers)
  }
}
