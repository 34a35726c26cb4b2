/** A caller on a raw socket with one request at a time, cheap enough to leave the machine to what is measured. */
import { connect, type Socket } from 'node:net'
import { requestBody, users } from './settings.ts'

export type Answered = (ok: boolean) => void

/** The bytes of every user's request, made once. */
export function requestsFor(path: string): readonly Buffer[] {
  return Array.from({ length: users }, (_, user) => {
    const head = [
      `POST ${path} HTTP/1.1`,
      'host: bench',
      `x-user-id: user-${user + 1}`,
      'content-type: application/json',
    ]
    return Buffer.from(`${head.join('\r\n')}\r\ncontent-length: ${requestBody.length}\r\n\r\n${requestBody}`)
  })
}

export class RawClient {
  readonly #socket: Socket
  #text = ''
  #answered: Answered | null = null

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new RawClient(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#take(chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => this.#finish(false))
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  /** `answered` hears once whether a whole answer of 200 came. */
  ask(request: Buffer, answered: Answered): void {
    this.#answered = answered
    if (this.isOpen) this.#socket.write(request)
    else this.#finish(false)
  }

  close(): void {
    this.#answered = null
    this.#socket.destroy()
  }

  /** Answers here are short and have their length. */
  #take(text: string): void {
    this.#text += text
    const headEnd = this.#text.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, headEnd))?.[1] ?? 0)
    if (this.#text.length < headEnd + 4 + length) return
    const ok = this.#text.startsWith('HTTP/1.1 200 ')
    this.#text = ''
    this.#finish(ok)
  }

  #finish(ok: boolean): void {
    const answered = this.#answered
    this.#answered = null
    answered?.(ok)
  }
}
