/** Load from processes of their own, on the callers' core: a fresh heap for each run. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type OpenLoopJob, type OpenLoopRun, openLoop } from './open-loop.ts'
import { loadCore } from './settings.ts'
import { runStreams, type StreamsJob, type StreamsRun } from './token-client.ts'

type Roles = {
  'open-loop': { job: OpenLoopJob; run: OpenLoopRun }
  streams: { job: StreamsJob; run: StreamsRun }
}
type Role = keyof Roles

const roles: { readonly [Name in Role]: (job: Roles[Name]['job']) => Promise<Roles[Name]['run']> } = {
  'open-loop': openLoop,
  streams: runStreams,
}

const runFile = promisify(execFile)
const entry = join(import.meta.dirname, 'client.ts')

export async function runRole<Name extends Role>(name: Name, job: Roles[Name]['job']): Promise<Roles[Name]['run']> {
  const words = ['-c', loadCore, process.execPath, '--max-semi-space-size=64', entry, name, JSON.stringify(job)]
  const { stdout } = await runFile('taskset', words)
  return JSON.parse(stdout) as Roles[Name]['run']
}

/** In the process that was started so. */
export async function playRole(name: string, job: string): Promise<void> {
  const play = roles[name as Role] as ((job: unknown) => Promise<unknown>) | undefined
  if (play === undefined) throw new Error(`there is no role ${name}`)
  process.stdout.write(JSON.stringify(await play(JSON.parse(job))))
}
