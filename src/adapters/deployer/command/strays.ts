/**
 * What a command started and what then left its process group, as the workers of BentoML do: a signal to the group does not
 * reach them, and nobody ends them once the command itself has died. They are known by a variable that all of them inherit.
 * Linux alone tells it; elsewhere none are found.
 */
import { readdir, readFile } from 'node:fs/promises'

export const markName = 'CUTOVER_INSTANCE'

export async function straysOf(mark: string): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter(name => /^\d+$/.test(name))
  const marked = await Promise.all(pids.map(pid => isMarked(pid, `${markName}=${mark}`)))
  return pids.filter((_, at) => marked[at]).map(Number)
}

export function signalEach(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended by itself.
    }
  }
}

/** A process of somebody else tells nothing, and one that has ended has no variables. */
async function isMarked(pid: string, entry: string): Promise<boolean> {
  const variables = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
  return variables.split('\0').includes(entry)
}
