/** Callers that hold streams of tokens: how long until the first byte, how late each token, whether all of them came. */
import { connect, type Socket } from 'node:net'
import { users } from './settings.ts'

export type StreamsJob = {
  port: number
  path: string
  streams: number
  tokensPerSecond: number
  tokensPerStream: number
  seconds: number
}

export type StreamsRun = {
  tokensPerSecond: number
  streamsDone: number
  /** Broken off, not 200, or with a number of tokens that was not asked for. */
  failed: number
  firstByteP50Ms: number
  firstByteP99Ms: number
  tokenP50Ms: number
  tokenP99Ms: number
}

type Tally = { firstBytesMs: number[]; tokensMs: number[]; done: number; failed: number }

/** Streams begin one after another over this time, and not all at once. */
const rampMs = 1_000

export async function runStreams(job: StreamsJob): Promise<StreamsRun> {
  const tally: Tally = { firstBytesMs: [], tokensMs: [], done: 0, failed: 0 }
  const untilMs = performance.now() + rampMs + job.seconds * 1_000
  const startedMs = performance.now()
  await Promise.all(
    Array.from({ length: job.streams }, async (_, place) => {
      await new Promise(done => setTimeout(done, (rampMs * place) / job.streams))
      await oneCaller(job, { place, untilMs, tally })
    }),
  )
  const tookSeconds = (performance.now() - startedMs) / 1_000
  return {
    tokensPerSecond: tally.tokensMs.length / tookSeconds,
    streamsDone: tally.done,
    failed: tally.failed,
    firstByteP50Ms: quantile(tally.firstBytesMs, 0.5),
    firstByteP99Ms: quantile(tally.firstBytesMs, 0.99),
    tokenP50Ms: quantile(tally.tokensMs, 0.5),
    tokenP99Ms: quantile(tally.tokensMs, 0.99),
  }
}

/** One stream after another on one connection; a new connection after a failure. */
async function oneCaller(job: StreamsJob, caller: { place: number; untilMs: number; tally: Tally }): Promise<void> {
  const { tally, untilMs, place } = caller
  let socket: Socket | null = null
  for (let turn = 0; performance.now() < untilMs; turn += 1) {
    if (socket === null || socket.destroyed) socket = connect({ port: job.port, host: '127.0.0.1', noDelay: true })
    const ok = await oneStream(socket, { job, user: (place + turn * job.streams) % users, tally })
    if (ok) tally.done += 1
    else {
      tally.failed += 1
      socket.destroy()
      await new Promise(done => setTimeout(done, 100))
    }
  }
  socket?.destroy()
}

function oneStream(socket: Socket, asked: { job: StreamsJob; user: number; tally: Tally }): Promise<boolean> {
  const { job, user, tally } = asked
  const query = `count=${job.tokensPerStream}&every=${1_000 / job.tokensPerSecond}`
  const body = '{"stream":true}'
  const head = [`POST ${job.path}?${query} HTTP/1.1`, 'host: bench', `x-user-id: user-${user}`]
  const length = `content-type: application/json\r\ncontent-length: ${body.length}`
  return new Promise(resolve => {
    let [text, tokens, isHead] = ['', 0, true]
    const sentMs = steadyMs()
    const onData = (chunk: Buffer): void => {
      if (tokens === 0 && isHead) {
        tally.firstBytesMs.push(steadyMs() - sentMs)
        isHead = false
      }
      text += chunk.toString('latin1')
      const nowMs = steadyMs()
      let read = 0
      for (const match of text.matchAll(/data: \{"sent":([\d.]+)[^\n]*\n\n/g)) {
        tally.tokensMs.push(nowMs - Number(match[1]))
        tokens += 1
        read = match.index + match[0].length
      }
      const isFirst = text.startsWith('HTTP/1.1 ')
      if (isFirst && !text.startsWith('HTTP/1.1 200')) settle(false)
      else if (text.endsWith('\r\n0\r\n\r\n')) settle(tokens === job.tokensPerStream)
      else text = text.slice(read)
    }
    const onClose = () => settle(false)
    const settle = (ok: boolean): void => {
      socket.off('data', onData).off('close', onClose).off('error', onClose)
      resolve(ok)
    }
    socket.on('data', onData).on('close', onClose).on('error', onClose)
    socket.write(`${head.join('\r\n')}\r\n${length}\r\n\r\n${body}`)
  })
}

function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).toSorted()
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** The same clock in every process of this machine. */
function steadyMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
