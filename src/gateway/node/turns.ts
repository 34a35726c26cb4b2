/**
 * The requests of one connection, one after the other: node:http hands out all that have come, however many were sent ahead.
 * The next one is looked at when the answer before it is out, and not at all if the connection ends with that answer
 * (RFC 9112, 9.6): nobody would hear what became of it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

type Turn = { req: IncomingMessage; res: ServerResponse; serve: () => void }

export class Turns {
  #current: ServerResponse | null = null
  #waiting: Turn[] = []
  #onIdle: (() => void) | null = null
  /** The connection ends with the last answer. */
  #hasEnded = false

  take(turn: Turn): void {
    if (this.#hasEnded) return
    if (this.#current === null) this.#serve(turn)
    else this.#waiting.push(turn)
  }

  /** The request whose answer is under way; null for none. */
  get current(): ServerResponse | null {
    return this.#current
  }

  /** None waits behind it. */
  get isLast(): boolean {
    return this.#waiting.length === 0
  }

  /** Once all that came whole have been answered, unless the connection ends before. What is not whole has no turn. */
  atEnd(act: () => void): void {
    this.#waiting = this.#waiting.filter(({ req }) => req.complete)
    if (this.#current === null) act()
    else this.#onIdle = act
  }

  #serve({ res, serve }: Turn): void {
    this.#current = res
    res.once('close', () => this.#served(res))
    serve()
  }

  #served(res: ServerResponse): void {
    this.#current = null
    this.#hasEnded = !(res.writableFinished && res.shouldKeepAlive && !res.req.socket.destroyed)
    if (this.#hasEnded) return
    const next = this.#waiting.shift()
    if (next !== undefined) this.#serve(next)
    else this.#onIdle?.()
  }
}
