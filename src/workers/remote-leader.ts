/** The server that decides, at a gateway of one that stands by: what is called is carried out there, as long as it answers. */
import type { PeerChannel } from '../adapters/peers/peer-channel.ts'
import { assertNever } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { Call, FromWorker, Reply } from './messages.ts'
import type { FromRemote, RemotePlan, ToRemote } from './remote-messages.ts'

export type Told = Extract<ToRemote, { kind: 'told' }>['message']

export type LeaderEvents = {
  planned(plan: RemotePlan): void
  told(message: Told): void
  /** All that is needed was told: callers may come. */
  opened(): void
  asksToLeave(): void
  refused(why: string): void
  /** Nothing is heard any more. */
  lost(detail: string): void
}

export type LeaderOptions = { uptime: Clock; version: string; format: number; name: string }

export type LeaderChannel = Pick<PeerChannel<FromRemote, ToRemote>, 'open' | 'say' | 'end' | 'cut'>

export class RemoteLeader {
  readonly #channel: LeaderChannel
  readonly #events: LeaderEvents
  readonly #uptime: Clock
  readonly #pending = new Map<number, (reply: Reply | null) => void>()
  readonly #stopPinging: () => void
  #lastId = 0
  #isLost = false
  /** When the last word that it has answered was sent: what it decided before is known here. */
  #freshAtMs: number

  constructor(channel: LeaderChannel, { uptime, ...hello }: LeaderOptions, events: LeaderEvents) {
    this.#channel = channel
    this.#events = events
    this.#uptime = uptime
    this.#freshAtMs = uptime.nowMs()
    this.#stopPinging = uptime.every(limits.peerPingMs, () => this.#ping())
    channel.open({ hear: message => this.#hear(message), closed: detail => this.#lose(detail) })
    channel.say({ kind: 'hello', ...hello })
  }

  get freshAtMs(): number {
    return this.#freshAtMs
  }

  get isLost(): boolean {
    return this.#isLost
  }

  tell(message: Exclude<FromWorker, { kind: 'call' }>): void {
    this.#channel.say({ kind: 'said', message })
  }

  /** Null where the connection is lost before there is an answer: it may have been done, or not. */
  call(call: Call): Promise<Reply | null> {
    if (this.#isLost) return Promise.resolve(null)
    this.#lastId += 1
    const id = this.#lastId
    return new Promise(resolve => {
      this.#pending.set(id, resolve)
      this.#channel.say({ kind: 'call', id, call })
    })
  }

  /** Nobody is answered here by what it said. Calls may follow. */
  ended(detail: string): void {
    this.#channel.say({ kind: 'ended', detail })
  }

  end(detail: string): void {
    this.ended(detail)
    this.#channel.end()
  }

  cut(): void {
    this.#channel.cut()
  }

  #ping(): void {
    const nowMs = this.#uptime.nowMs()
    if (nowMs - this.#freshAtMs > limits.peerAnswerMs) this.#channel.cut()
    else this.#channel.say({ kind: 'ping', atMs: nowMs })
  }

  #hear(message: ToRemote): void {
    switch (message.kind) {
      case 'plan':
        this.#events.planned(message.plan)
        return
      case 'refused':
        this.#events.refused(message.why)
        return
      case 'open':
        this.#events.opened()
        return
      case 'pong':
        this.#freshAtMs = Math.max(this.#freshAtMs, message.atMs)
        return
      case 'told':
        this.#events.told(message.message)
        return
      case 'replied':
        this.#pending.get(message.id)?.(message.reply)
        this.#pending.delete(message.id)
        return
      case 'leave':
        this.#events.asksToLeave()
        return
      default:
        assertNever(message)
    }
  }

  #lose(detail: string): void {
    this.#isLost = true
    this.#stopPinging()
    for (const resolve of this.#pending.values()) resolve(null)
    this.#pending.clear()
    this.#events.lost(detail)
  }
}
