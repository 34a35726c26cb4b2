/** A gateway of a server that stands by, at the server that decides: its connection is what a worker's thread is. */
import { after } from '../adapters/clock/after.ts'
import type { PeerChannel } from '../adapters/peers/peer-channel.ts'
import { assertNever } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { GuestEnd, GuestThread, Visitor } from './guests.ts'
import type { Call, Reply, ToWorker } from './messages.ts'
import type { FromRemote, RemotePlan, ToRemote } from './remote-messages.ts'
import type { WorkerLink } from './worker-link.ts'

export type RemoteDoorOptions = {
  version: string
  /** How predictions are packed here: no others are taken. */
  format: number
  isNear: boolean
  uptime: Clock
  /** Null, or why it may not serve for now. */
  admit(visitor: Visitor): string | null
  /** Never rejects. */
  call(call: Call): Promise<Reply>
  logger: { info(fields: object, message: string): void }
}

export type RemoteChannel = Pick<PeerChannel<ToRemote, FromRemote>, 'open' | 'say' | 'end' | 'cut'>

/** Takes a connection of somebody who knows the key. */
export function welcomeRemote(channel: RemoteChannel, options: RemoteDoorOptions): void {
  const remote = new Remote(channel, options)
  channel.open({ hear: message => remote.hear(message), closed: detail => remote.closed(detail) })
}

class Remote {
  readonly #channel: RemoteChannel
  readonly #options: RemoteDoorOptions
  #link: WorkerLink | null = null
  #mayCall = false
  #ended: (end: GuestEnd) => void = () => {}
  #cancelSilence: () => void

  constructor(channel: RemoteChannel, options: RemoteDoorOptions) {
    this.#channel = channel
    this.#options = options
    this.#cancelSilence = this.#untilSilent()
  }

  hear(message: FromRemote): void {
    switch (message.kind) {
      case 'hello':
        this.#greet(message)
        return
      case 'ping':
        this.#cancelSilence()
        this.#cancelSilence = this.#untilSilent()
        this.#channel.say({ kind: 'pong', atMs: message.atMs })
        return
      case 'said':
        this.#link?.hear(message.message)
        return
      case 'call':
        void this.#carryOut(message)
        return
      case 'ended':
        this.#end({ detail: message.detail, isSure: true })
        this.#channel.end()
        return
      default:
        assertNever(message)
    }
  }

  closed(detail: string): void {
    this.#cancelSilence()
    this.#end({ detail, isSure: false })
  }

  #untilSilent(): () => void {
    return after(this.#options.uptime, limits.peerAnswerMs, () => this.#channel.cut())
  }

  #greet({ version, format, name }: Extract<FromRemote, { kind: 'hello' }>): void {
    this.#mayCall = format === this.#options.format
    const { isNear, admit, logger } = this.#options
    const begin: Visitor['begin'] = (plan, link, ended) => this.#begin(plan, link, ended)
    const why =
      version === this.#options.version
        ? admit({ name, isNear, begin })
        : `it is version ${this.#options.version}, and this one is ${version}`
    if (why === null) logger.info({ server: name }, 'a gateway of another server serves too')
    else this.#channel.say({ kind: 'refused', why })
  }

  #begin(plan: RemotePlan, link: WorkerLink, ended: (end: GuestEnd) => void): GuestThread {
    this.#link = link
    this.#ended = ended
    const channel = this.#channel
    channel.say({ kind: 'plan', plan })
    return {
      post: (message, transfer) => {
        for (const one of transfer) if (!(one instanceof ArrayBuffer)) one.close()
        const told = withoutPorts(message)
        if (told !== null) channel.say({ kind: 'told', message: told })
      },
      open: () => channel.say({ kind: 'open' }),
      leave: () => channel.say({ kind: 'leave' }),
      async end() {
        channel.cut()
      },
    }
  }

  async #carryOut({ id, call }: Extract<FromRemote, { kind: 'call' }>): Promise<void> {
    const reply = this.#mayCall ? await this.#options.call(call) : otherFormat
    // The buffer was copied on its way: the other side has its own.
    this.#channel.say({ kind: 'replied', id, reply: reply.kind === 'appended' ? { ...reply, read: null } : reply })
  }

  #end(end: GuestEnd): void {
    const ended = this.#ended
    this.#ended = () => {}
    ended(end)
  }
}

const otherFormat: Reply = {
  kind: 'failed',
  error: {
    code: 'store-failed',
    message: 'the server that decides packs predictions in another way, and cannot keep these',
  },
}

/** Models in threads of this server are in no table of the other one, and a port leads nowhere there. */
function withoutPorts(message: ToWorker): Extract<ToRemote, { kind: 'told' }>['message'] | null {
  if (message.kind === 'replied') return null
  if (message.kind !== 'fleets' || message.news.kind !== 'fleet') return message
  const instances = message.news.instances.filter(({ reach }) => reach?.kind !== 'model')
  return { ...message, news: { ...message.news, instances } }
}
