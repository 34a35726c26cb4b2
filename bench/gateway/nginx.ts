/** nginx as the model server, and as the gateway that everything is measured beside. */
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import type { Contestant } from './contestant.ts'
import { treeOf } from './proc.ts'
import { type Place, untilAnswers } from './processes.ts'
import { answerBody, gatewayCore, loadCore } from './settings.ts'

export const megabyte = 1024 * 1024

/** Answers everything with the same short JSON; `/1m` and `/64m` are files of that size. */
export async function startUpstream(place: Place): Promise<{ port: number; requests(): Promise<number> }> {
  const port = await freePort()
  const statusPort = await freePort()
  mkdirSync(join(place.folder, 'files'))
  for (const [name, size] of Object.entries({ '1m': megabyte, '64m': 64 * megabyte }))
    place.write(join('files', name), Buffer.alloc(size, 'x'))
  const servers = `
  server { listen 127.0.0.1:${port}; default_type application/json; sendfile on; tcp_nopush on;
    location = /1m { root files; } location = /64m { root files; }
    location / { return 200 '${answerBody}'; } }
  server { listen 127.0.0.1:${statusPort}; location / { stub_status; } }`
  startNginx(place, { name: 'upstream', core: loadCore, workers: 1, http: `access_log off; ${servers}` })
  await untilAnswers(`http://127.0.0.1:${port}/`)
  return {
    port,
    async requests() {
      const text = await (await fetch(`http://127.0.0.1:${statusPort}/`)).text()
      return Number(/^\s*\d+ \d+ (\d+)\s*$/m.exec(text)?.[1])
    },
  }
}

export type NginxJob = {
  upstream: number
  /** Sticky by a header: a tenth of the users get v2; and an entry of the log for every request. */
  release: boolean
  /** Copies for v2 of what v1 answered, of so many percent of the users. */
  mirrorPercent?: number
  /** Long bodies pass through as they come, in buffers that suit them; streams pass through part by part. */
  bodies?: 'long' | 'streams'
  core?: string
  workers?: number
}

export async function startProxy(place: Place, job: NginxJob): Promise<Contestant> {
  const port = await freePort()
  const { core = gatewayCore, workers = 1 } = job
  const child = startNginx(place, { name: `proxy-${port}`, core, workers, http: proxyConfig(port, job) })
  const log = join(place.folder, `proxy-${port}`, 'predictions.log')
  await untilAnswers(`http://127.0.0.1:${port}/predict`)
  return {
    name: 'nginx',
    origin: `http://127.0.0.1:${port}`,
    path: '',
    pids: () => treeOf(child.pid ?? 0),
    records: job.release ? lineCounter(log) : async () => Number.NaN,
    dropped: async () => Number.NaN,
    end: () => place.end(child),
  }
}

function startNginx(place: Place, server: { name: string; core: string; workers: number; http: string }): ChildProcess {
  const prefix = join(place.folder, server.name)
  mkdirSync(prefix)
  // Started by root it would give itself to nobody, who may not read the folder.
  const user = process.getuid?.() === 0 ? 'user root root; ' : ''
  const text = `${user}pid nginx.pid; error_log stderr crit; worker_processes ${server.workers};
events { worker_connections 4096; }
http {
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  keepalive_requests 1000000000; client_max_body_size 0;
  ${server.http.replaceAll('root files', `root ${join(place.folder, 'files')}`)}
}
`
  writeFileSync(join(prefix, 'nginx.conf'), text)
  return place.start(server.core, ['nginx', '-p', prefix, '-c', 'nginx.conf', '-g', 'daemon off;'])
}

function proxyConfig(port: number, job: NginxJob): string {
  const { upstream, release, mirrorPercent } = job
  const pool = `{ server 127.0.0.1:${upstream}; keepalive 512; keepalive_requests 1000000000; }`
  const pass = 'proxy_http_version 1.1; proxy_set_header Connection "";'
  const copies = mirrorPercent === undefined ? '' : 'mirror /copy;'
  const bodies = job.bodies === undefined ? '' : bodyDirectives[job.bodies]
  if (!release) {
    return `access_log off; upstream v1 ${pool}
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://v1; ${pass} ${bodies} } }`
  }
  return `
  split_clients "$http_x_user_id" $version { 10% v2; * v1; }
  ${mirrorPercent === undefined ? '' : challengerMap(mirrorPercent)}
  upstream v1 ${pool}
  upstream v2 ${pool}
  log_format prediction escape=json '{"id":"$request_id","at":$msec,"unit":"$http_x_user_id","version":"$version","status":$status,"latency":$request_time}';
  access_log predictions.log prediction buffer=256k flush=1s;
  server { listen 127.0.0.1:${port};
    location / { ${copies} proxy_pass http://$version; ${pass} ${bodies}
      add_header x-prediction-id $request_id; add_header x-version $version; }
    ${mirrorPercent === undefined ? '' : copyLocation(pass)} }`
}

const bodyDirectives = {
  long: `proxy_request_buffering off; client_body_buffer_size 64k; proxy_max_temp_file_size 0;
    proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;`,
  streams: 'proxy_request_buffering off; proxy_buffering off;',
} as const

function challengerMap(percent: number): string {
  const share = percent === 100 ? '*' : `${percent}%`
  const rest = percent === 100 ? '' : '* "";'
  return `split_clients "copy of $http_x_user_id" $copied { ${share} copied; ${rest} }
  map "$version $copied" $challenger { "v1 copied" v2; default ""; }`
}

function copyLocation(pass: string): string {
  return `location = /copy { internal; if ($challenger = "") { return 204; } proxy_pass http://$challenger$request_uri; ${pass} }`
}

/** Lines so far of a file that only grows; what nginx still holds is in it after a second. */
function lineCounter(file: string): () => Promise<number> {
  const chunk = Buffer.alloc(megabyte)
  let offset = 0
  let lines = 0
  return async () => {
    const descriptor = openSync(file, 'r')
    for (const { size } = statSync(file); offset < size; ) {
      const read = readSync(descriptor, chunk, 0, chunk.length, offset)
      offset += read
      for (let at = chunk.indexOf(10); at >= 0 && at < read; at = chunk.indexOf(10, at + 1)) lines += 1
    }
    closeSync(descriptor)
    return lines
  }
}
