/** One supervised process: started on a free port, watched, restarted with growing delays, its last lines kept. */
import type { ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import type { Backend } from '../../../core/endpoint.ts'
import { CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { BackendRequest, BackendResponse } from '../../../ports/backend.ts'
import type { Clock } from '../../../ports/clock.ts'
import { watchHealth } from '../http/health.ts'
import { createHttpClient, type HttpClient } from '../http/http-client.ts'
import type { InstanceLog, InstanceState, ManagedInstance, OnChange } from '../managed.ts'
import { createRestartPolicy } from '../restart-policy.ts'
import type { ProcessGroups } from './process-groups.ts'

type CommandBackend = Extract<Backend, { kind: 'command' }>

/** SIGKILL follows SIGTERM after this long. */
const killAfterMs = 3_000
const reasonLines = 5

/** One life of the process. */
type Life = { child: ChildProcess; client: HttpClient; stopWatching: () => void; startedAtMs: number }

export class CommandInstance implements ManagedInstance {
  readonly id: string
  readonly wantsWholeBody = false
  state: InstanceState = 'starting'
  detail = 'starting'
  private readonly backend: CommandBackend
  private readonly groups: ProcessGroups
  private readonly clock: Clock
  private readonly onChange: OnChange
  private readonly log: InstanceLog
  private readonly restarts = createRestartPolicy()
  private readonly lines: string[] = []
  private life: Life | null = null
  private isStopped = false
  private restartTimer: NodeJS.Timeout | undefined

  constructor(options: {
    id: string
    backend: CommandBackend
    groups: ProcessGroups
    clock: Clock
    onChange: OnChange
    log: InstanceLog
  }) {
    this.id = options.id
    this.backend = options.backend
    this.groups = options.groups
    this.clock = options.clock
    this.onChange = options.onChange
    this.log = options.log
  }

  get inFlight(): number {
    return this.life?.client.inFlight ?? 0
  }

  start(): void {
    this.live().catch(error => this.ended(`it could not be started: ${error instanceof Error ? error.message : error}`))
  }

  async send(request: BackendRequest): Promise<BackendResponse> {
    if (this.life === null) throw new CutoverError('backend-unreachable', `${this.id} is not running`)
    return this.life.client.send(request)
  }

  metadata(): null {
    return null
  }

  async stop(): Promise<void> {
    this.isStopped = true
    clearTimeout(this.restartTimer)
    const { life } = this
    if (life === null) return
    life.stopWatching()
    await this.end(life)
    await life.client.close()
  }

  private async live(): Promise<void> {
    const port = await freePort()
    if (this.isStopped) return
    const withPort = (text: string): string => text.replaceAll('{port}', String(port))
    const argv = this.backend.argv.map(withPort)
    const env = Object.fromEntries(Object.entries(this.backend.env).map(([name, value]) => [name, withPort(value)]))
    const child = this.groups.start({ argv, cwd: this.backend.cwd, env: { PORT: String(port), ...env } })
    const client = createHttpClient(`http://127.0.0.1:${port}`)
    const stopWatching = watchHealth(client, this.backend.ready, found => this.probed(found))
    this.life = { child, client, stopWatching, startedAtMs: this.clock.nowMs() }
    this.capture(child)
    child.once('error', error => this.died(child, `\`${argv[0]}\` could not be started: ${error.message}`))
    child.once('exit', (code, signal) =>
      this.died(child, code === null ? `ended by ${signal}` : `exited with code ${code}`),
    )
  }

  private capture(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', line => {
        this.lines.push(line.slice(0, 2_000))
        if (this.lines.length > limits.commandLogLines) this.lines.shift()
        this.log('info', line.slice(0, 2_000))
      })
    }
  }

  private probed(found: { isReady: boolean; status: number | null }): void {
    const { life } = this
    if (life === null || this.isStopped) return
    const { path, timeoutMs } = this.backend.ready
    const said = found.status === null ? 'no answer' : `status ${found.status}`
    if (found.isReady) this.become('ready', `process ${life.child.pid} at ${life.client.origin}`)
    else if (this.state === 'ready') this.become('unhealthy', `GET ${path}: ${said}`)
    else if (this.state !== 'unhealthy' && this.clock.nowMs() - life.startedAtMs > timeoutMs) {
      this.become('failed', this.explain(`GET ${path}: ${said} for ${timeoutMs / 1000} s`))
    }
  }

  private died(child: ChildProcess, how: string): void {
    const { life } = this
    if (life === null || life.child !== child) return
    this.life = null
    life.stopWatching()
    void life.client.close()
    if (!this.isStopped) this.ended(how)
  }

  private ended(how: string): void {
    const { delayMs, hasFailed } = this.restarts.crashed(this.clock.nowMs())
    const reason = this.explain(how)
    this.log('warn', `${this.id}: ${reason}; starting it again in ${delayMs} ms`)
    // A command that cannot even be started will not be better a moment later.
    const isHopeless = how.includes('could not be started')
    this.become(hasFailed || isHopeless || this.state === 'failed' ? 'failed' : 'starting', reason)
    this.restartTimer = setTimeout(() => this.start(), delayMs)
  }

  private explain(how: string): string {
    const last = this.lines.slice(-reasonLines).join(' | ')
    return last === '' ? how : `${how}; it said last: ${last}`
  }

  private async end({ child }: Life): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
    this.groups.signal(child, 'SIGTERM')
    const timer = setTimeout(() => this.groups.signal(child, 'SIGKILL'), killAfterMs)
    await gone
    clearTimeout(timer)
  }

  private become(state: InstanceState, detail: string): void {
    this.detail = detail
    if (this.state === state) return
    this.state = state
    this.onChange()
  }
}

/** A port that is free now; one that is lost to somebody else before the command takes it shows as a crash and is tried anew. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
