/**
 * The gateway beside nginx doing the same release job, in one interleaved run: sticky 90/10 split by a user header, a
 * prediction record per request, id and version in the answer. Prints ratios, which are to be believed before figures.
 *
 *   npm run bench:gateway            (needs nginx and wrk on the PATH; Linux, at least 2 cores)
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort } from '../test/support/free-port.ts'

const rounds = Number(process.env['ROUNDS'] ?? 3)
const seconds = Number(process.env['SECONDS'] ?? 5)
const connections = 64
const gatewayCore = '0'
const loadCore = '1'
/** The kernel counts process time in these. */
const ticksPerSecond = 100

type Contestant = { name: string; url: string; pids: () => number[] }
type Run = { requestsPerSecond: number; cpuMicros: number; p50Ms: number; p99Ms: number; failed: number }

for (const tool of ['nginx', 'wrk', 'taskset']) {
  if (spawnSync('which', [tool]).status !== 0)
    throw new Error(`${tool} is needed on the PATH (Debian packages nginx-light, wrk, util-linux)`)
}

const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
const children: ChildProcess[] = []
try {
  await main()
} finally {
  for (const child of children.reverse()) {
    child.kill('SIGTERM')
    await new Promise(done =>
      child.exitCode === null && child.signalCode === null ? child.once('exit', done) : done(null),
    )
  }
  rmSync(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const [upstream, proxy, inference, control] = [await freePort(), await freePort(), await freePort(), await freePort()]
  startNginx('upstream', loadCore, upstreamConfig(upstream))
  const nginx = startNginx('proxy', gatewayCore, proxyConfig(proxy, upstream))
  const cutover = startCutover({ upstream, inference, control })
  await answers(`http://127.0.0.1:${proxy}/predict`)
  await answers(`http://127.0.0.1:${inference}/endpoints/bench/predict`)
  await weightSet(control)
  const script = writeLoadScript()
  const contestants: Contestant[] = [
    { name: 'nginx', url: `http://127.0.0.1:${proxy}/predict`, pids: () => childrenOf(nginx.pid ?? 0) },
    { name: 'cutover', url: `http://127.0.0.1:${inference}/endpoints/bench/predict`, pids: () => [cutover.pid ?? 0] },
  ]
  for (const one of contestants) measure(one, { script, forSeconds: 2 })
  const results = new Map<string, Run[]>(contestants.map(one => [one.name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const one of round % 2 === 0 ? contestants : contestants.toReversed())
      results.get(one.name)?.push(measure(one, { script, forSeconds: seconds }))
  }
  print(results)
}

function startNginx(name: string, core: string, config: string): ChildProcess {
  const prefix = join(folder, name)
  mkdirSync(prefix)
  writeFileSync(join(prefix, 'nginx.conf'), config)
  const child = spawn('taskset', ['-c', core, 'nginx', '-p', prefix, '-c', 'nginx.conf', '-g', 'daemon off;'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  children.push(child)
  return child
}

function upstreamConfig(port: number): string {
  const answer = JSON.stringify({
    label: 7,
    scores: Array.from({ length: 10 }, (_, index) => index / 45),
    padding: 'x'.repeat(140),
  })
  return `pid upstream.pid; error_log stderr crit; worker_processes 1; events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000;
  server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '${answer}'; } } }`
}

function proxyConfig(port: number, upstream: number): string {
  return `pid proxy.pid; error_log stderr crit; worker_processes 1; events { worker_connections 1024; }
http {
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  keepalive_requests 1000000000;
  split_clients "$http_x_user_id" $version { 10% v2; * v1; }
  upstream v1 { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
  upstream v2 { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
  log_format prediction escape=json '{"id":"$request_id","at":$msec,"unit":"$http_x_user_id","version":"$version","status":$status,"latency":$request_time}';
  access_log predictions.log prediction buffer=256k flush=1s;
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://$version; proxy_http_version 1.1; proxy_set_header Connection "";
      add_header x-prediction-id $request_id; add_header x-version $version; } } }`
}

function startCutover(ports: { upstream: number; inference: number; control: number }): ChildProcess {
  const file = join(folder, 'bench.yaml')
  const version = `{ url: "http://127.0.0.1:${ports.upstream}", ready: { path: /ready } }`
  writeFileSync(
    file,
    `kind: Endpoint
name: bench
protocol: http
unit: { header: x-user-id }
stable: v1
versions: { v1: ${version}, v2: ${version} }
prediction: { output: /label }
payload-sample: 0%
---
kind: Release
endpoint: bench
to: v2
stages: [ { canary: { steps: [ { weight: 10%, for: 1h } ] } } ]
`,
  )
  const words = [
    'serve',
    '-c',
    file,
    '--data',
    join(folder, 'data'),
    '--inference-port',
    String(ports.inference),
    '--control-port',
    String(ports.control),
    '--log-level',
    'error',
  ]
  const launcher = resolve(import.meta.dirname, '../bin/cutover.js')
  const child = spawn('taskset', ['-c', gatewayCore, process.execPath, launcher, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  children.push(child)
  return child
}

function writeLoadScript(): string {
  const file = join(folder, 'load.lua')
  const body = JSON.stringify({ image: Array.from({ length: 64 }, (_, index) => index % 17), padding: 'x'.repeat(330) })
  writeFileSync(
    file,
    `local n = 0
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '${body}'
function request() n = n + 1; wrk.headers["x-user-id"] = "user-" .. (n % 5000); return wrk.format() end
function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %d %d %f %f %d\\n", summary.requests, summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end`,
  )
  return file
}

function measure(one: Contestant, load: { script: string; forSeconds: number }): Run {
  const before = cpuSeconds(one.pids())
  const { stdout } = spawnSync(
    'taskset',
    ['-c', loadCore, 'wrk', '-t1', `-c${connections}`, `-d${load.forSeconds}s`, '-s', load.script, one.url],
    { encoding: 'utf8' },
  )
  const after = cpuSeconds(one.pids())
  const match = /RESULT (\S+) (\S+) (\S+) (\S+) (\S+)/.exec(stdout)
  if (match === null) throw new Error(`wrk said nothing of use: ${stdout}`)
  const [requests = 0, durationMicros = 1, p50Ms = 0, p99Ms = 0, failed = 0] = match.slice(1).map(Number)
  return {
    requestsPerSecond: requests / (durationMicros / 1e6),
    cpuMicros: ((after - before) * 1e6) / Math.max(1, requests),
    p50Ms,
    p99Ms,
    failed,
  }
}

/** User and system time of processes, threads included. */
function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  }, 0)
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return [pid, ...text.trim().split(' ').filter(Boolean).map(Number)]
}

function print(results: ReadonlyMap<string, readonly Run[]>): void {
  const median = (name: string, of: (run: Run) => number): number => {
    const values = (results.get(name) ?? []).map(of).toSorted((a, b) => a - b)
    return values[Math.floor(values.length / 2)] ?? Number.NaN
  }
  const rows: [string, (run: Run) => number, number][] = [
    ['requests per second', run => run.requestsPerSecond, 0],
    ['CPU per request, us', run => run.cpuMicros, 1],
    ['p50, ms', run => run.p50Ms, 2],
    ['p99, ms', run => run.p99Ms, 2],
    ['failed requests', run => run.failed, 0],
  ]
  console.log(
    `release job, ${connections} connections, medians of ${rounds} interleaved rounds of ${seconds} s, gateway on one core`,
  )
  console.log(`${''.padEnd(22)}${'nginx'.padStart(10)}${'cutover'.padStart(10)}${'ratio'.padStart(8)}`)
  for (const [title, of, digits] of rows) {
    const [nginx, cutover] = [median('nginx', of), median('cutover', of)]
    const ratio = nginx === 0 ? '-' : (cutover / nginx).toFixed(2)
    console.log(
      `${title.padEnd(22)}${nginx.toFixed(digits).padStart(10)}${cutover.toFixed(digits).padStart(10)}${ratio.padStart(8)}`,
    )
  }
}

async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      const { status } = await fetch(url, { method: 'POST', body: '{}' })
      if (status === 200) return
    } catch {
      // Not up yet.
    }
    await new Promise(done => setTimeout(done, 100))
  }
  throw new Error(`${url} does not answer`)
}

/** Waits until the release gives the candidate its 10 %. */
async function weightSet(control: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const page = await (await fetch(`http://127.0.0.1:${control}/metrics`)).text()
    if (/cutover_traffic_weight_ratio\{[^}]*version="v2"[^}]*\} 0\.1/.test(page)) return
    await new Promise(done => setTimeout(done, 100))
  }
  throw new Error('the candidate never got its share')
}
