import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { FromGuard, ToGuard } from './guard-messages.ts'
import { Output } from './output.ts'
import { markName, signalEach, straysOf } from './strays.ts'

/** How long the last output may still come in after the end. */
const lastOutputMs = 200

export type ProcessPlan = {
  /** Shown in the list of processes. */
  name: string
  argv: readonly string[]
  cwd: string
  env: Record<string, string>
  /** Between SIGTERM and SIGKILL. */
  graceMs: number
  onLine(line: string): void
  /** The command itself ended; what it started may still run for a moment. */
  onExit(): void
}

export type ProcessEnd =
  | { kind: 'not-started'; code: string; message: string }
  | { kind: 'exited'; code: number | null; signal: string | null }
  /** Somebody killed the guard. */
  | { kind: 'lost' }

/** A command and everything it starts, which end together, and end when Cutover does, however that ends. */
export class GuardedProcess {
  readonly output: Output
  /** Resolves when neither the command nor anything it started runs any more. */
  readonly ended: Promise<ProcessEnd>
  readonly #plan: ProcessPlan
  readonly #guard: ChildProcess
  readonly #mark: string
  #group: number | null = null
  #end: ProcessEnd = { kind: 'lost' }

  constructor(plan: ProcessPlan) {
    this.#plan = plan
    this.output = new Output(plan.onLine)
    this.#guard = spawnGuard(plan.name)
    if (this.#guard.stdout !== null) this.output.read(this.#guard.stdout)
    if (this.#guard.stderr !== null) this.output.read(this.#guard.stderr)
    this.#guard.on('message', (message: FromGuard) => this.#hear(message))
    this.ended = this.#watch()
    this.#mark = `${plan.name} ${randomUUID()}`
    const { argv, cwd, graceMs } = plan
    this.#tell({ kind: 'start', argv, cwd, env: { ...plan.env, [markName]: this.#mark }, graceMs })
  }

  async terminate(): Promise<void> {
    this.#tell({ kind: 'terminate' })
    await this.ended
  }

  #hear(message: FromGuard): void {
    if (message.kind === 'started') this.#group = message.group
    else {
      this.#end = message
      this.#plan.onExit()
    }
  }

  #tell(message: ToGuard): void {
    if (this.#guard.connected) this.#guard.send(message, () => {})
  }

  async #watch(): Promise<ProcessEnd> {
    const closed = new Promise<void>(resolve => this.#guard.on('close', () => resolve()))
    await new Promise<void>(resolve => {
      this.#guard.on('exit', () => resolve())
      this.#guard.on('error', error => {
        this.#end = { kind: 'not-started', code: '', message: error.message }
        if (this.#guard.pid === undefined) resolve()
      })
    })
    if (this.#end.kind === 'lost') await this.#killAll()
    await withinMs(closed, lastOutputMs)
    return this.#end
  }

  /** The guard died before it had ended the group. */
  async #killAll(): Promise<void> {
    if (this.#group !== null) signalEach([-this.#group], 'SIGKILL')
    signalEach(await straysOf(this.#mark), 'SIGKILL')
  }
}

function spawnGuard(name: string): ChildProcess {
  const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  const guard = fileURLToPath(new URL(`./guard${ending}`, import.meta.url))
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', guard, name], {
    // A session of its own: a Ctrl-C in the terminal goes to Cutover, which drains before it ends commands.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: guardEnvironment(),
  })
}

/** Options of Node, such as NODE_OPTIONS, are meant for the command and must not reach the guard. */
function guardEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')))
}

/** Something that left the group may hold the output open for ever. */
async function withinMs(event: Promise<void>, timeMs: number): Promise<void> {
  const timer = Promise.withResolvers<void>()
  const timeout = setTimeout(timer.resolve, timeMs)
  await Promise.race([event, timer.promise])
  clearTimeout(timeout)
}
