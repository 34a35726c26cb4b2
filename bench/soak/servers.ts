/** The servers of a soak: one, or several that share a database and all answer callers. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import { until } from '../gateway/processes.ts'
import { pause } from './ask.ts'

export type SoakServer = {
  name: string
  /** Of callers. */
  port: number
  control: string
  readonly pid: number
  /** `more` words of `serve`. */
  start(more?: readonly string[]): Promise<void>
  /** Its exit code; null where it did not end in time. */
  stop(): Promise<number | null>
  kill(): Promise<void>
  /** What it said of errors. */
  errors(): readonly string[]
}

const launcher = resolve(import.meta.dirname, '../../bin/cutover.js')
const stopWithinMs = 20_000

/** `words` of `serve` beside ports and folder. */
export async function soakServer(name: string, folder: string, words: readonly string[]): Promise<SoakServer> {
  const own = join(folder, name)
  mkdirSync(own)
  const log = join(own, 'stderr.log')
  const [port, controlPort] = [await freePort(), await freePort()]
  const control = `http://127.0.0.1:${controlPort}`
  const ports = ['--inference-port', String(port), '--control-port', String(controlPort)]
  let child: ReturnType<typeof spawn> | null = null
  const told = (): string[] => readFileSync(log, 'utf8').split('\n')
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> => {
    const ending = child
    child = null
    if (ending === null) return null
    const isOver = ending.exitCode !== null || ending.signalCode !== null
    const ended = isOver ? Promise.resolve() : once(ending, 'exit')
    ending.kill(signal)
    await Promise.race([ended, pause(stopWithinMs)])
    return ending.exitCode
  }
  return {
    ...{ name, port, control },
    get pid() {
      return child?.pid ?? 0
    },
    async start(more = []) {
      writeFileSync(log, '', { flag: 'a' })
      const before = told().length
      const all = ['serve', '--data', join(own, 'data'), '--log-level', 'info', ...ports, ...words, ...more]
      const begun = spawn(process.execPath, [launcher, ...all], { stdio: ['ignore', 'ignore', 'pipe'] })
      begun.stderr.on('data', chunk => writeFileSync(log, chunk, { flag: 'a' }))
      child = begun
      // As the one that decides, or beside that.
      const serves = /"msg":"(serving|this server serves too)/
      await until(`${name} answers callers`, async () =>
        told()
          .slice(before - 1)
          .some(text => serves.test(text)),
      )
    },
    stop: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL')
    },
    errors: () => told().filter(text => text.includes('"level":50') || text.includes('"level":60')),
  }
}
