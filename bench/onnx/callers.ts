/** Callers on keep-alive sockets that ask again as soon as they are answered, cheap enough to leave the machine to the server. */
import { connect, type Socket } from 'node:net'

export type Load = { requests: number; perSecond: number; failed: number; p50Ms: number; p99Ms: number }

class Caller {
  readonly #socket: Socket
  readonly #request: string
  #text = ''
  #done: ((ok: boolean) => void) | null = null

  static async open(port: number, request: string): Promise<Caller> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Caller(socket, request)
  }

  private constructor(socket: Socket, request: string) {
    this.#socket = socket
    this.#request = request
    socket.on('data', chunk => this.#take(chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => this.#finish(false))
  }

  /** Whether a whole answer of 200 came. */
  ask(): Promise<boolean> {
    return new Promise(resolve => {
      this.#done = resolve
      if (this.#socket.destroyed) this.#finish(false)
      else this.#socket.write(this.#request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(text: string): void {
    this.#text += text
    const headEnd = this.#text.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#text.slice(0, headEnd))?.[1] ?? 0)
    if (this.#text.length < headEnd + 4 + length) return
    const ok = this.#text.startsWith('HTTP/1.1 200 ')
    this.#text = ''
    this.#finish(ok)
  }

  #finish(ok: boolean): void {
    const done = this.#done
    this.#done = null
    done?.(ok)
  }
}

export async function load(
  port: number,
  options: { request: string; callers: number; seconds: number },
): Promise<Load> {
  const opened = Array.from({ length: options.callers }, () => Caller.open(port, options.request))
  const callers = await Promise.all(opened)
  const startedMs = performance.now()
  const untilMs = startedMs + options.seconds * 1_000
  const latenciesMs: number[] = []
  let failed = 0
  await Promise.all(
    callers.map(async caller => {
      while (performance.now() < untilMs) {
        const sentMs = performance.now()
        if (!(await caller.ask())) failed += 1
        latenciesMs.push(performance.now() - sentMs)
        if (failed > 100) return
      }
    }),
  )
  const seconds = (performance.now() - startedMs) / 1_000
  for (const caller of callers) caller.close()
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { requests: sorted.length, perSecond: sorted.length / seconds, failed, p50Ms: at(0.5), p99Ms: at(0.99) }
}
