/**
 * A small process between Cutover and a command. It holds a channel to Cutover; when that closes, even because Cutover
 * was killed, it ends the command and everything the command started. It imports next to nothing of the rest, to start fast.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { FromGuard, ToGuard } from './guard-messages.ts'
import { markName, signalEach, straysOf } from './strays.ts'

/** What the command left behind when it ended, or all of it when Cutover is gone, gets this long before SIGKILL. */
const leftoverGraceMs = 1_000
/** What left the group gets this long after all others have ended. */
const strayGraceMs = 500
const pollMs = 20

let graceMs = leftoverGraceMs
let command: ChildProcess | null = null
let mark = ''
let ending = false
let deadline = Number.POSITIVE_INFINITY

process.on('message', (message: ToGuard) => {
  if (message.kind === 'start') start(message)
  else void endGroup(graceMs)
})
process.on('disconnect', () => void endGroup(leftoverGraceMs))
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void endGroup(graceMs))

function start(request: ToGuard & { kind: 'start' }): void {
  graceMs = request.graceMs
  const [word = '', ...words] = request.argv
  // Detached makes it the leader of a process group, so that one signal reaches all that it starts.
  const { cwd, env } = request
  mark = env[markName] ?? ''
  const child = spawn(word, words, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  command = child
  child.on('spawn', () => tell({ kind: 'started', group: child.pid ?? 0 }))
  child.on('error', notStarted)
  child.on('exit', (code, signal) => {
    tell({ kind: 'exited', code, signal })
    void endGroup(leftoverGraceMs)
  })
}

function notStarted(error: Error): void {
  if (command?.pid !== undefined) return
  const code = 'code' in error ? String(error.code) : ''
  tell({ kind: 'not-started', code, message: error.message }, () => process.exit(1))
}

/** Ends every process of the group and then this one. Asked again, it can only become shorter. */
async function endGroup(withinMs: number): Promise<void> {
  deadline = Math.min(deadline, Date.now() + withinMs)
  if (ending) return
  ending = true
  signalGroup('SIGTERM')
  while (signalGroup(0) && Date.now() < deadline) await pause()
  signalGroup('SIGKILL')
  await endStrays()
  // Long enough for the end of the command itself to be told.
  setTimeout(() => process.exit(0), pollMs)
}

/** Only when the group is gone: a supervisor ends its workers better than a signal does. */
async function endStrays(): Promise<void> {
  let strays = await straysOf(mark)
  signalEach(strays, 'SIGTERM')
  for (let waitedMs = 0; strays.length > 0 && waitedMs < strayGraceMs; waitedMs += pollMs) {
    await pause()
    strays = await straysOf(mark)
  }
  signalEach(strays, 'SIGKILL')
}

function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, pollMs))
}

/** False if there is no such group any more. */
function signalGroup(signal: NodeJS.Signals | 0): boolean {
  if (command?.pid === undefined) return false
  try {
    return process.kill(-command.pid, signal)
  } catch {
    return false
  }
}

function tell(message: FromGuard, then: () => void = () => {}): void {
  if (process.connected) process.send?.(message, undefined, undefined, then)
  else then()
}
