/** A real server process with a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort } from '../support/free-port.ts'

export const root = resolve(import.meta.dirname, '../..')
/** A question without an answer is a failure with a name; without this it would be a test that never ends. */
export const answerWithinMs = 60_000
const lastWordsMax = 4_000
const launcher = join(root, 'bin/cutover.js')

export interface ServerProcess {
  inferenceUrl: string
  controlUrl: string
  pid: number
  /** The end of what it wrote: what a test that fails has to say of it. */
  lastWords(): string
  /** SIGKILL: nothing is tidied up. */
  kill(): Promise<void>
  /** SIGTERM: answers its exit code. */
  stop(): Promise<number | null>
  /** Resolves with its exit code once it has ended by itself. */
  ended(): Promise<number | null>
}

export interface Workplace {
  folder: string
  /** Where its server is, or will be. */
  urls: { inferenceUrl: string; controlUrl: string }
  write(name: string, text: string): string
  serve(words?: readonly string[], env?: Readonly<Record<string, string>>): Promise<ServerProcess>
  cutover(words: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }>
  close(): Promise<void>
}

export async function openWorkplace(): Promise<Workplace> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-e2e-'))
  const [inference, control] = [await freePort(), await freePort()]
  const servers: ChildProcess[] = []
  const urls = { inferenceUrl: `http://127.0.0.1:${inference}`, controlUrl: `http://127.0.0.1:${control}` }

  return {
    folder,
    urls,
    write(name, text) {
      const file = join(folder, name)
      writeFileSync(file, text)
      return file
    },
    async serve(words = [], env = {}) {
      const ports = ['--inference-port', String(inference), '--control-port', String(control)]
      const child = spawn(
        process.execPath,
        [launcher, 'serve', '--data', join(folder, 'data'), ...ports, '--log-level', 'warn', ...words],
        { stdio: ['ignore', 'inherit', 'pipe'], env: { ...process.env, ...env } },
      )
      servers.push(child)
      let said = ''
      child.stderr.on('data', chunk => {
        said += chunk
      })
      await until(
        () => isUp(`${urls.inferenceUrl}/v2/health/ready`),
        () => {
          if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${said}`)
        },
      )
      return {
        ...urls,
        pid: child.pid ?? 0,
        lastWords: () => said.slice(-lastWordsMax),
        async kill() {
          child.kill('SIGKILL')
          await ended(child)
        },
        async ended() {
          await ended(child)
          return child.exitCode
        },
        async stop() {
          child.kill('SIGTERM')
          await ended(child)
          return child.exitCode
        },
      }
    },
    cutover: words => run([launcher, ...words, '--server', urls.controlUrl, '--inference', urls.inferenceUrl]),
    async close() {
      for (const child of servers) {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
        await ended(child)
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Runs a Node program to its end. */
export async function run(
  words: readonly string[],
  cwd = root,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [...words], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  await ended(child)
  return { code: child.exitCode, stdout, stderr }
}

/** Looks again and again until it is so; gives up after `seconds`. */
export async function until(isSo: () => Promise<boolean>, watch: () => void = () => {}, seconds = 30): Promise<void> {
  const untilMs = performance.now() + seconds * 1_000
  while (!(await isSo())) {
    watch()
    if (performance.now() > untilMs) throw new Error(`not so within ${seconds} s: ${isSo}`)
    await new Promise(done => setTimeout(done, 50))
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the end-to-end tests look at answers as a client without our types would.
export async function getJson(url: string): Promise<any> {
  const response = await fetch(url, { signal: AbortSignal.timeout(answerWithinMs) })
  return JSON.parse(await response.text())
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status === 200
  } catch {
    return false
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise(done => child.once('exit', done))
}
