/** Callers on raw sockets, cheap enough to leave the machine to the gateway. */
import { connect, type Socket } from 'node:net'

export type Load = { requests: number; failed: number; seconds: number; p50Ms: number; p99Ms: number }

const users = 5_000
const image = Array.from({ length: 64 }, (_, index) => index % 17)
const body = JSON.stringify({ image, padding: 'x'.repeat(330) })

function requestOf(user: number): string {
  const head = ['POST /endpoints/bench/predict HTTP/1.1', 'host: bench', `x-user-id: user-${user % users}`]
  return `${head.join('\r\n')}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

class Caller {
  readonly #socket: Socket
  #text = ''
  #done: ((ok: boolean) => void) | null = null

  static async open(port: number): Promise<Caller> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Caller(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#take(chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => this.#finish(false))
  }

  /** Whether a whole answer of 200 came. */
  ask(user: number): Promise<boolean> {
    return new Promise(resolve => {
      this.#done = resolve
      if (this.#socket.destroyed) this.#finish(false)
      else this.#socket.write(requestOf(user))
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

/** Every caller asks again as soon as it is answered: how much goes through. */
export async function closedLoop(port: number, options: { callers: number; seconds: number }): Promise<Load> {
  const callers = await Promise.all(Array.from({ length: options.callers }, () => Caller.open(port)))
  const startedMs = performance.now()
  const untilMs = startedMs + options.seconds * 1_000
  const tally = newTally()
  await Promise.all(
    callers.map(async (caller, place) => {
      for (let turn = 0; performance.now() < untilMs; turn += 1) {
        const sentMs = performance.now()
        tally.add(await caller.ask(place + turn * options.callers), performance.now() - sentMs)
      }
    }),
  )
  for (const caller of callers) caller.close()
  return tally.read(performance.now() - startedMs)
}

/** So many requests a second, come what may: latency counts from when a request was due, so that a wait is not hidden. */
export async function openLoop(port: number, options: { perSecond: number; seconds: number }): Promise<Load> {
  const idle: Caller[] = await Promise.all(Array.from({ length: 16 }, () => Caller.open(port)))
  const all = [...idle]
  const total = options.perSecond * options.seconds
  const tally = newTally()
  const startedMs = performance.now()
  const asked: Promise<void>[] = []
  const askOne = async (index: number, dueMs: number) => {
    const caller = idle.pop() ?? (await Caller.open(port))
    if (!all.includes(caller)) all.push(caller)
    tally.add(await caller.ask(index), performance.now() - dueMs)
    idle.push(caller)
  }
  for (let index = 0; index < total; ) {
    await new Promise(done => setTimeout(done, 1))
    for (; index < total && performance.now() >= startedMs + (index * 1_000) / options.perSecond; index += 1)
      asked.push(askOne(index, startedMs + (index * 1_000) / options.perSecond))
  }
  await Promise.all(asked)
  for (const caller of all) caller.close()
  return tally.read(performance.now() - startedMs)
}

function newTally() {
  const latenciesMs: number[] = []
  let failed = 0
  return {
    add: (ok: boolean, latencyMs: number) => {
      latenciesMs.push(latencyMs)
      if (!ok) failed += 1
    },
    read: (durationMs: number): Load => {
      const sorted = latenciesMs.toSorted((a, b) => a - b)
      const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
      return { requests: sorted.length, failed, seconds: durationMs / 1_000, p50Ms: at(0.5), p99Ms: at(0.99) }
    },
  }
}
