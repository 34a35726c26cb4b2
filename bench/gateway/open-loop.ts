/**
 * So many requests a second, come what may. Latency counts from when a request was due, whether it waited for a free
 * connection, for this process or in the gateway: a wait is not hidden by asking less meanwhile.
 */
import { RawClient, requestsFor } from './raw-client.ts'

export type OpenLoopJob = { port: number; path: string; perSecond: number; seconds: number; connections: number }

/** Before anything counts: until then this process compiles its own code, and falls behind by tens of milliseconds. */
const warmUpRequests = 40_000

export type OpenLoopRun = {
  requests: number
  failed: number
  /** Not answered when the time to wait for stragglers was over; they count as failed too. */
  unanswered: number
  p50Ms: number
  p99Ms: number
  p999Ms: number
  maxMs: number
  over20Ms: number
  /** Answers that came, by second, over the whole run. */
  perSecond: number
}

/** What is due is looked for this often; the kernel sleeps in between, so that the model server on this core can run. */
const napMs = 0.1
const stragglersMs = 5_000
const slowMs = 20

export async function openLoop(job: OpenLoopJob): Promise<OpenLoopRun> {
  const { port, path, perSecond, seconds, connections } = job
  const requests = requestsFor(path)
  const clients = await Promise.all(Array.from({ length: connections }, () => RawClient.open(port)))
  const idle = [...clients]
  const total = warmUpRequests + Math.floor(perSecond * seconds)
  const latenciesMs = new Float64Array(total)
  let [answered, counted, failed, next] = [0, 0, 0, 0]
  const startedMs = performance.now()
  const dueMs = (index: number) => startedMs + (index * 1_000) / perSecond

  const ask = (client: RawClient, index: number): void => {
    client.ask(requests[index % requests.length] as Buffer, ok => {
      answered += 1
      if (index >= warmUpRequests) {
        latenciesMs[counted] = performance.now() - dueMs(index)
        counted += 1
      }
      if (!ok) failed += 1
      if (client.isOpen) idle.push(client)
      else void RawClient.open(port).then(fresh => idle.push(clients[clients.push(fresh) - 1] as RawClient), ignore)
      askDue()
    })
  }
  const askDue = (): void => {
    const nowMs = performance.now()
    while (next < total && dueMs(next) <= nowMs) {
      const client = idle.pop()
      if (client === undefined) return
      next += 1
      ask(client, next - 1)
    }
  }
  const endMs = dueMs(total) + stragglersMs
  while (answered < total && performance.now() < endMs) {
    askDue()
    nap(napMs)
    await turn()
  }
  const tookSeconds = (performance.now() - startedMs) / 1_000
  for (const client of clients) client.close()
  return { ...read(latenciesMs.subarray(0, counted)), requests: total, failed, ...left(total, answered, tookSeconds) }
}

function left(total: number, answered: number, tookSeconds: number) {
  return { unanswered: total - answered, perSecond: answered / tookSeconds }
}

function read(latenciesMs: Float64Array) {
  const sorted = latenciesMs.toSorted()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  const over20Ms = sorted.reduce((count, ms) => count + (ms > slowMs ? 1 : 0), 0)
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1), over20Ms }
}

const never = new Int32Array(new SharedArrayBuffer(4))

function nap(ms: number): void {
  Atomics.wait(never, 0, 0, ms)
}

function turn(): Promise<void> {
  return new Promise(done => setImmediate(done))
}

function ignore(): void {}
