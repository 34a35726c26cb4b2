/** Processes of one scenario, each on the core that it is given, and a folder that goes with them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { treeOf } from './proc.ts'

export type StartOptions = { stdout?: string; env?: Readonly<Record<string, string>> }

export type Place = {
  folder: string
  write(name: string, content: string | Buffer): string
  /** Its output goes to a file of the place, if one is named. */
  start(core: string, words: readonly string[], options?: StartOptions): ChildProcess
  /** Ends one process before the others. */
  end(child: ChildProcess): Promise<void>
}

/** What the processes say goes here; shown if the scenario fails. */
const complaints = 'stderr.log'
const endTimeoutMs = 15_000

/** Whatever happens in it, nothing is left running after `use`. */
export async function withPlace<Result>(use: (place: Place) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-'))
  const children: ChildProcess[] = []
  const endAll = async () => {
    for (const child of children.toReversed()) await end(child)
    rmSync(folder, { recursive: true, force: true })
  }
  const interrupted = () => void endAll().then(() => process.exit(130))
  process.once('SIGINT', interrupted)
  try {
    return await use({
      folder,
      write(name, content) {
        const file = join(folder, name)
        writeFileSync(file, content)
        return file
      },
      start(core, words, { stdout, env } = {}) {
        const output = openSync(join(folder, stdout ?? 'stdout.log'), 'a')
        const errors = openSync(join(folder, complaints), 'a')
        const stdio = ['ignore', output, errors] as const
        const child = spawn('taskset', ['-c', core, ...words], { stdio: [...stdio], env: { ...process.env, ...env } })
        for (const descriptor of [output, errors]) closeSync(descriptor)
        children.push(child)
        return child
      },
      end,
    })
  } catch (error) {
    const file = join(folder, complaints)
    if (existsSync(file)) process.stderr.write(readFileSync(file, 'utf8'))
    throw error
  } finally {
    process.off('SIGINT', interrupted)
    await endAll()
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  goOn(child)
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs)
  await exited
  clearTimeout(timer)
}

/** What stands still, itself or a child of it, could not end. */
function goOn({ pid = 0 }: ChildProcess): void {
  try {
    for (const one of treeOf(pid)) process.kill(one, 'SIGCONT')
  } catch {
    // It has just ended by itself.
  }
}

export function assertTools(...tools: readonly string[]): void {
  for (const tool of tools) {
    if (spawnSync('which', [tool]).status !== 0)
      throw new Error(`${tool} is needed on the PATH (Debian packages nginx-light, wrk, util-linux)`)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise(done => setTimeout(done, ms))
}

/** Looks again and again until it is so. */
export async function until(what: string, isSo: () => Promise<boolean>, seconds = 30): Promise<void> {
  const untilMs = performance.now() + seconds * 1_000
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > untilMs) throw new Error(`${what}: not so within ${seconds} s`)
    await pause(100)
  }
}

export async function untilAnswers(url: string): Promise<void> {
  await until(`${url} answers 200`, async () => {
    const response = await fetch(url, { method: 'POST', body: '{}', signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.status === 200
  })
}
