import type { VersionSpec } from '../../../core/endpoint.ts'
import { CutoverError } from '../../../core/errors.ts'
import { startHttpReplica } from '../http/http-replica.ts'
import type { Driver, Replica, ReplicaEvents, ReplicaPlan } from '../replica.ts'
import { commandEnvironment, startProblem, withPort } from './executable.ts'
import { releasePort, takePort } from './free-port.ts'
import { GuardedProcess, type ProcessEnd } from './guarded-process.ts'

/** Between SIGTERM and SIGKILL, after the requests in flight are done. */
const killGraceMs = 4_000

/** Local processes that Cutover starts, watches, starts again and ends. */
export function createCommandDriver(graceMs: number = killGraceMs): Driver {
  return {
    readyNeeds: 'all',
    size: version => version.instances,
    async check(version) {
      const { argv, cwd, env } = commandBackend(version)
      const problem = await startProblem(argv[0] ?? '', cwd, searchPath(env))
      if (problem === null) return null
      const detail = `version "${version.name}" cannot be started: ${problem}`
      throw new CutoverError('invalid-resource', detail, [{ path: 'command[0]', message: problem, value: argv[0] }])
    },
    start: (plan, events) => new CommandReplica(plan, events, graceMs),
  }
}

class CommandReplica implements Replica {
  readonly #plan: ReplicaPlan
  readonly #events: ReplicaEvents
  readonly #graceMs: number
  readonly #started: Promise<void>
  #process: GuardedProcess | null = null
  #server: Replica | null = null
  #wasReady = false
  #stopping = false

  constructor(plan: ReplicaPlan, events: ReplicaEvents, graceMs: number) {
    this.#plan = plan
    this.#events = events
    this.#graceMs = graceMs
    this.#started = this.#start()
  }

  async end(): Promise<void> {
    this.#stopping = true
    await this.#started
    // First the connections, so that a server that waits for them to close does not wait in vain.
    await this.#server?.end()
    await this.#process?.terminate()
  }

  async #start(): Promise<void> {
    try {
      const port = await takePort()
      if (this.#stopping) releasePort(port)
      else this.#startOn(port)
    } catch (error) {
      queueMicrotask(() => this.#events.ended(`cannot be started: ${String(error)}`, false))
    }
  }

  #startOn(port: number): void {
    const { id, version, clock, endpoint, logger } = this.#plan
    const { argv, cwd, env, ready, provider } = commandBackend(version)
    const fields = { endpoint, version: version.name, instance: id }
    const started = new GuardedProcess({
      name: id,
      argv: argv.map(word => withPort(word, port)),
      cwd,
      env: commandEnvironment(env, port),
      graceMs: this.#graceMs,
      onLine: line => logger.info(fields, line),
      onExit: () => this.#events.unhealthy('the command ended'),
    })
    this.#process = started
    const address = `http://127.0.0.1:${port}`
    this.#server = startHttpReplica({ id, address, ready, clock, logger, provider }, this.#serverEvents(started))
    void started.ended.then(end => this.#afterEnd(started, port, end))
  }

  #serverEvents(started: GuardedProcess) {
    return {
      ready: (instance: Parameters<ReplicaEvents['ready']>[0]) => {
        this.#wasReady = true
        this.#events.ready(instance)
      },
      waiting: (detail: string) => this.#events.waiting(`${detail}; ${started.output.quoteLast()}`),
      unhealthy: this.#events.unhealthy,
      failing: this.#events.failing,
    }
  }

  async #afterEnd(ended: GuardedProcess, port: number, end: ProcessEnd): Promise<void> {
    releasePort(port)
    if (this.#stopping) return
    await this.#server?.end()
    const words = ended.output.quoteLast()
    const { detail, final } = await this.#explain(end)
    this.#events.ended(final ? detail : `${detail}; ${words}`, final)
  }

  async #explain(end: ProcessEnd): Promise<{ detail: string; final: boolean }> {
    const { argv, cwd, env } = commandBackend(this.#plan.version)
    const word = argv[0] ?? ''
    if (end.kind === 'not-started') {
      const problem = await startProblem(word, cwd, searchPath(env))
      return { detail: `"${word}" cannot be started: ${problem ?? end.message}`, final: problem !== null }
    }
    const how =
      end.kind === 'lost' ? 'was killed' : end.signal !== null ? `got ${end.signal}` : `exited with code ${end.code}`
    return { detail: `"${word}" ${how}${this.#wasReady ? '' : ' before it was ready'}`, final: false }
  }
}

function searchPath(env: Readonly<Record<string, string>>): string {
  return env['PATH'] ?? process.env['PATH'] ?? ''
}

function commandBackend(version: VersionSpec) {
  if (version.backend.kind === 'command') return version.backend
  throw new Error(`not a command backend: ${version.backend.kind}`)
}
