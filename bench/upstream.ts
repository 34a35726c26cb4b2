/**
 * What a call to a model server costs: this client beside undici's `dispatch` and beside bare sockets that parse nothing,
 * against nginx on the loopback, in one interleaved run. Prints ratios, which are to be believed before figures.
 *
 *   node bench/upstream.ts           (needs nginx on the PATH; Linux, at least 2 cores; ROUNDS, SECONDS, CALLERS)
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Dispatcher, Pool } from 'undici'
import { HttpInstance } from '../src/adapters/deployer/http/http-instance.ts'
import type { AnswerSink, BackendCall } from '../src/ports/backend.ts'
import { freePort } from '../test/support/free-port.ts'
import { median } from './median.ts'

const rounds = Number(process.env['ROUNDS'] ?? 5)
const seconds = Number(process.env['SECONDS'] ?? 2)
const callers = Number(process.env['CALLERS'] ?? 64)
const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(500) }))
const answer = JSON.stringify({ label: 'x'.repeat(276) })

/** Calls once and says so when the answer is complete. */
type Caller = (done: () => void) => void
type Contestant = { name: string; start(port: number): { caller(): Caller; close(): unknown } }
type Run = { perSecond: number; cpuMicros: number }

const call: BackendCall = {
  method: 'POST',
  path: '/predict',
  fields: 'content-type: application/json\r\nx-request-id: 0123456789abcdef\r\nuser-agent: bench\r\naccept: */*\r\n',
  body,
  timeouts: { connectMs: 2_000, firstByteMs: 30_000, idleMs: 30_000 },
}

const contestants: readonly Contestant[] = [
  { name: 'bare sockets', start: bareSockets },
  { name: 'cutover', start: port => cutover(port, 1) },
  { name: 'cutover, pipelined', start: port => cutover(port, 16) },
  { name: 'undici dispatch', start: undici },
]

const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
const port = await freePort()
const nginx = startNginx()
try {
  await main()
} finally {
  nginx.kill('SIGTERM')
  await new Promise(done => nginx.once('exit', done))
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  await new Promise(done => setTimeout(done, 300))
  const started = contestants.map(({ name, start }) => ({ name, ...start(port), runs: [] as Run[] }))
  for (let round = -1; round < rounds; round += 1) {
    for (const one of round % 2 === 0 ? started : started.toReversed()) {
      const run = await measure(one.caller)
      if (round >= 0) one.runs.push(run)
    }
  }
  const base = started.at(-1)?.runs ?? []
  for (const { name, runs } of started) print(name, runs, base)
  for (const { close } of started) await close()
}

async function measure(caller: () => Caller): Promise<Run> {
  let calls = 0
  let isOver = false
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  const timer = setTimeout(() => {
    isOver = true
  }, seconds * 1_000)
  await Promise.all(
    Array.from({ length: callers }, () =>
      loop(caller(), () => {
        calls += 1
        return isOver
      }),
    ),
  )
  clearTimeout(timer)
  const { user, system } = process.cpuUsage(startCpu)
  return { perSecond: (calls * 1_000) / (performance.now() - startMs), cpuMicros: (user + system) / calls }
}

function loop(send: Caller, isLast: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      if (isLast()) resolve()
      else send(done)
    }
    send(done)
  })
}

function cutover(to: number, pipelining: number) {
  const instance = new HttpInstance('bench', `http://127.0.0.1:${to}`, { judged() {} }, { pipelining })
  const caller = (): Caller => {
    let finished = () => {}
    const sink: AnswerSink = {
      onHead() {},
      onBody() {},
      onEnd: () => finished(),
      onFail: error => {
        throw error
      },
      onDrain() {},
    }
    return done => {
      finished = done
      instance.dispatch(call, sink)
    }
  }
  return { caller, close: () => instance.close() }
}

function undici(to: number) {
  const pool = new Pool(`http://127.0.0.1:${to}`, { connections: 256 })
  const headers = call.fields
    .split('\r\n')
    .slice(0, -1)
    .flatMap(line => line.split(': '))
  const options = { method: 'POST', path: call.path, headers, body } as const
  const caller = (): Caller => {
    let finished = () => {}
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart() {},
      onResponseData() {},
      onResponseEnd: () => finished(),
      onResponseError: (_, error) => {
        throw error
      },
    }
    return done => {
      finished = done
      pool.dispatch(options, handler)
    }
  }
  return { caller, close: () => pool.close() }
}

/** The least that Node can do: one write, one read, and the end of the answer known beforehand. */
function bareSockets(to: number) {
  const text = `POST /predict HTTP/1.1\r\nhost: 127.0.0.1:${to}\r\n${call.fields}content-length: ${body.length}\r\n\r\n${body.toString('latin1')}`
  const shared = Buffer.allocUnsafeSlow(64 * 1024)
  const sockets: ReturnType<typeof connect>[] = []
  const caller = (): Caller => {
    let finished = () => {}
    const callback = (length: number, bytes: Uint8Array) => {
      // The answer ends with a brace, and nowhere else does a portion.
      if (bytes[length - 1] === 0x7d) finished()
      return true
    }
    const socket = connect({ port: to, host: '127.0.0.1', noDelay: true, onread: { buffer: shared, callback } })
    sockets.push(socket)
    return done => {
      finished = done
      socket.write(text, 'latin1')
    }
  }
  return { caller, close: () => sockets.map(socket => socket.destroy()) }
}

function print(name: string, runs: readonly Run[], base: readonly Run[]): void {
  const perSecond = median(runs.map(run => run.perSecond))
  const cpu = median(runs.map(run => run.cpuMicros))
  const ratio = median(runs.map((run, at) => run.perSecond / (base[at]?.perSecond ?? 1)))
  console.log(
    `${name.padEnd(20)} ${perSecond.toFixed(0).padStart(7)}/s  ${ratio.toFixed(2)}x undici  ${cpu.toFixed(1)} us of CPU a call`,
  )
}

function startNginx(): ChildProcess {
  mkdirSync(join(folder, 'logs'))
  const config = `worker_processes 1; daemon off; pid nginx.pid; error_log logs/error.log;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path body;
  proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '${answer}'; } } }`
  writeFileSync(join(folder, 'nginx.conf'), config)
  return spawn('nginx', ['-p', folder, '-c', 'nginx.conf'], { stdio: 'ignore' })
}
