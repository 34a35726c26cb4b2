/** Starts commands as process groups of their own and makes sure that none outlives this process, even after kill -9. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { workerFile } from '../../worker-file.ts'

export interface ProcessGroups {
  start(command: { argv: readonly string[]; cwd: string; env: Readonly<Record<string, string>> }): ChildProcess
  /** To the command and everything that it started. */
  signal(child: ChildProcess, signal: NodeJS.Signals): void
  close(): void
}

/** What a command inherits of the environment; secrets of the server are not among it. */
const inherited = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'USER',
  'PYTHONPATH',
  'VIRTUAL_ENV',
  'LD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  'SystemRoot',
]

export function createProcessGroups(): ProcessGroups {
  let guard: ChildProcess | null = null

  const tellGuard = (line: string): void => {
    guard ??= startGuard()
    guard.stdin?.write(`${line}\n`)
  }

  return {
    start({ argv, cwd, env }) {
      const [word = '', ...words] = argv
      const base = Object.fromEntries(
        inherited.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
      )
      const child = spawn(word, words, {
        cwd,
        env: { ...base, ...env },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const { pid } = child
      if (pid !== undefined) {
        tellGuard(`+${pid}`)
        child.once('exit', () => {
          signalGroup(pid, 'SIGKILL')
          tellGuard(`-${pid}`)
        })
      }
      return child
    },
    signal(child, signal) {
      if (child.pid !== undefined) signalGroup(child.pid, signal)
    },
    close() {
      guard?.stdin?.end()
      guard = null
    },
  }
}

function startGuard(): ChildProcess {
  const file = fileURLToPath(workerFile(import.meta.url, 'guard'))
  const guard = spawn(process.execPath, [file], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  guard.stdin?.on('error', () => {})
  guard.unref()
  return guard
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group has ended already.
  }
}
