/** Callers that ask again as soon as they are answered: wrk, on the core of the callers. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Place } from './processes.ts'
import { loadCore, requestBody, settings, users } from './settings.ts'

export type WrkRun = { requests: number; seconds: number; p50Ms: number; p99Ms: number; failed: number; bytes: number }

export type WrkJob = {
  seconds: number
  connections?: number
  core?: string
  /** Bytes of a body in place of the usual JSON. */
  uploadBytes?: number
  /** The body goes out in chunks of so many bytes, without a length. */
  chunkBytes?: number
  method?: 'GET' | 'POST'
  /** In place of the usual JSON, one request after the other. */
  bodies?: readonly string[]
}

const runFile = promisify(execFile)
const answerTimeoutSeconds = 60

export async function runWrk(place: Place, url: string, job: WrkJob): Promise<WrkRun> {
  const { seconds, connections = settings.connections, core = loadCore } = job
  const script = place.write('load.lua', scriptOf(job))
  const words = ['-c', core, 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, `--timeout=${answerTimeoutSeconds}s`]
  const { stdout } = await runFile('taskset', [...words, '-s', script, url])
  const match = /RESULT (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)/.exec(stdout)
  if (match === null) throw new Error(`wrk said nothing of use: ${stdout}`)
  const [requests = 0, micros = 1, p50Ms = 0, p99Ms = 0, failed = 0, bytes = 0] = match.slice(1).map(Number)
  return { requests, seconds: micros / 1e6, p50Ms, p99Ms, failed, bytes }
}

/** Requests of all users are made once, so that making them costs the callers' core nothing. */
function scriptOf(job: WrkJob): string {
  return job.bodies === undefined ? usersScript(job) : bodiesScript(job.bodies)
}

function bodiesScript(bodies: readonly string[]): string {
  return `wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local requests, n = {}, 0
function init()
  for i, body in ipairs({ ${bodies.map(body => `'${body}'`).join(', ')} }) do requests[i] = wrk.format(nil, nil, nil, body) end
end
function request() n = n % #requests + 1; return requests[n] end
${doneScript}`
}

function usersScript({ uploadBytes, chunkBytes, method = 'POST' }: WrkJob): string {
  const body = uploadBytes === undefined ? `'${requestBody}'` : `string.rep('x', ${uploadBytes})`
  const requests = uploadBytes === undefined ? users : 1
  return `wrk.method = "${method}"
wrk.headers["content-type"] = "application/json"
${method === 'GET' || chunkBytes !== undefined ? '' : `wrk.body = ${body}`}
${chunkBytes === undefined ? `local chunks = ''` : chunksScript(body, chunkBytes)}
local requests, n = {}, 0
function init()
  for i = 1, ${requests} do wrk.headers["x-user-id"] = "user-" .. i; requests[i] = wrk.format() .. chunks end
end
function request() n = n % ${requests} + 1; return requests[n] end
${doneScript}`
}

/** wrk states the length of a body that it knows of. */
function chunksScript(body: string, chunkBytes: number): string {
  return `wrk.headers["transfer-encoding"] = "chunked"
local body, parts = ${body}, {}
for at = 1, #body, ${chunkBytes} do
  local part = body:sub(at, at + ${chunkBytes - 1})
  parts[#parts + 1] = string.format("%x\\r\\n", #part) .. part .. "\\r\\n"
end
local chunks = table.concat(parts) .. "0\\r\\n\\r\\n"`
}

const doneScript = `function done(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("RESULT %d %d %f %f %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed, summary.bytes))
end`
