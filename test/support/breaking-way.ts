/**
 * A way to a server that breaks where a test wants it to: at a commit, before or after it has reached the server. In a thread of
 * its own, since whoever asks PostgreSQL stands still.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { parentPort, Worker, workerData } from 'node:worker_threads'

export type BreakingWay = {
  /** The same address by this way. */
  url: string
  /** The next commit reaches the server, and its answer nobody. */
  loseAnswer(): void
  /** The next commit does not reach the server. */
  loseCommit(): void
  /** Nobody gets through any more. */
  cut(): void
  close(): void
}

const loses = { nothing: 0, answer: 1, commit: 2 } as const

type WayData = { way: { host: string; port: number; losing: Int32Array } }

export async function breakingWay(to: string): Promise<BreakingWay> {
  const url = new URL(to)
  const losing = new Int32Array(new SharedArrayBuffer(4))
  const way = { host: url.hostname, port: Number(url.port), losing }
  const thread = new Worker(new URL(import.meta.url), { workerData: { way } satisfies WayData })
  const [port] = await once(thread, 'message')
  url.port = String(port)
  return {
    url: url.href,
    loseAnswer: () => void Atomics.store(losing, 0, loses.answer),
    loseCommit: () => void Atomics.store(losing, 0, loses.commit),
    cut: () => thread.postMessage('cut'),
    close: () => void thread.terminate(),
  }
}

async function open({ losing, ...target }: WayData['way']): Promise<number> {
  const callers = new Set<Socket>()
  let isCut = false
  parentPort?.once('message', () => {
    isCut = true
    for (const caller of callers) caller.destroy()
  })
  const listener = createServer(caller => {
    if (isCut) {
      caller.destroy()
      return
    }
    callers.add(caller)
    caller.on('close', () => callers.delete(caller))
    const server = connect(target)
    for (const [one, other] of [
      [caller, server],
      [server, caller],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
    join(caller, server, losing)
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return (listener.address() as AddressInfo).port
}

function join(caller: Socket, server: Socket, losing: Int32Array): void {
  let isLost = false
  caller.on('data', chunk => {
    const loss = chunk.includes('COMMIT') ? Atomics.exchange(losing, 0, loses.nothing) : loses.nothing
    if (loss === loses.commit) return caller.destroy()
    isLost ||= loss === loses.answer
    return server.write(chunk)
  })
  server.on('data', chunk => (isLost ? caller.destroy() : caller.write(chunk)))
}

if ((workerData as Partial<WayData> | null)?.way !== undefined)
  parentPort?.postMessage(await open((workerData as WayData).way))
