/** A gateway of a server that stands by, at the server that decides: its connection is what a worker's thread is. */
import { after } from '../adapters/clock/after.ts'
import type { PeerChannel } from '../adapters/peers/peer-channel.ts'
import { assertNever, CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Remembered } from '../gateway/conversations.ts'
import type { Clock } from '../ports/clock.ts'
import { mergeCounts, noCounts } from './counts.ts'
import type { GuestEnd, GuestThread, Visitor } from './guests.ts'
import type { Call, FromWorker, Reply, ToWorker } from './messages.ts'
import type { FromRemote, RemotePlan, ToRemote } from './remote-messages.ts'
import { closePorts, type WorkerLink } from './worker-link.ts'

export type RemoteDoorOptions = {
  version: string
  /** How predictions are packed here: no others are taken. */
  format: number
  isNear: boolean
  uptime: Clock
  /** Null, or why it may not serve for now. */
  admit(visitor: Visitor): string | null
  /** Rejects only where it is no call. */
  call(call: Call): Promise<Reply>
  /** Another server says to have the lease of that term. */
  succeededBy(term: number): void
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
  #hasGreeted = false
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
        this.#link?.hear(checked(message.message))
        return
      case 'call':
        void this.#carryOut(message)
        return
      case 'succeeded':
        this.#options.succeededBy(message.term)
        return
      case 'ended':
        this.#end({ detail: message.detail, isSure: true })
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
    const detail = `it said nothing for ${limits.peerAnswerMs / 1_000} s`
    return after(this.#options.uptime, limits.peerAnswerMs, () => this.#channel.cut(detail))
  }

  #greet({ version, format, name }: Extract<FromRemote, { kind: 'hello' }>): void {
    if (this.#hasGreeted) throw new CutoverError('internal', 'it is here already')
    this.#hasGreeted = true
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
        closePorts(transfer)
        const told = withoutPorts(message)
        if (told !== null) channel.say({ kind: 'told', message: told })
      },
      open: () => channel.say({ kind: 'open' }),
      leave: () => channel.say({ kind: 'leave' }),
      async end() {
        channel.cut('this server ended it')
      },
    }
  }

  async #carryOut({ id, call }: Extract<FromRemote, { kind: 'call' }>): Promise<void> {
    // What cannot be carried out at all comes of no gateway of this version: it ends the connection, as what cannot be heard does.
    const carried = this.#mayCall ? this.#options.call(call) : Promise.resolve(otherFormat)
    const reply = await carried.catch(() => this.#channel.cut())
    if (reply === undefined) return
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

/** What is kept is used later, when whoever said it is not there to be given up for it. */
function checked(message: FromWorker): Exclude<FromWorker, { kind: 'call' }> {
  if (message.kind === 'call') throw new CutoverError('internal', 'a call was said and not made')
  if (message.kind === 'counts') mergeCounts([message.counts, noCounts])
  if (message.kind === 'remembered' && !message.remembered.every(isRemembered))
    throw new CutoverError('internal', 'it remembers no answer')
  return message
}

function isRemembered({ endpoint, id, answered }: Remembered): boolean {
  return typeof endpoint === 'string' && typeof id === 'string' && typeof answered === 'object'
}

/** Models in threads of this server are in no table of the other one, and a port leads nowhere there. */
function withoutPorts(message: ToWorker): Extract<ToRemote, { kind: 'told' }>['message'] | null {
  if (message.kind === 'replied') return null
  if (message.kind !== 'fleets' || message.news.kind !== 'fleet') return message
  const instances = message.news.instances.filter(({ reach }) => reach?.kind !== 'model')
  return { ...message, news: { ...message.news, instances } }
}
