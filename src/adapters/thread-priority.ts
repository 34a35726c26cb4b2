/** How threads that nobody waits for leave the cores to the one that serves callers. */
import { readlinkSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/** By how much a thread is nicer than the process: the scheduler gives it about a third or a tenth of what a busy core has. */
export const niceness = { recording: 5, analysis: 10 } as const

/**
 * Of the thread that calls it alone. Linux has priorities by thread; elsewhere, and where the system forbids it, the thread
 * keeps the one it has, which costs callers some latency on a full machine and nothing else.
 */
export function giveWay(steps: number): void {
  if (process.platform !== 'linux') return
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
    setPriority(thread, Math.min(constants.priority.PRIORITY_LOW, getPriority(thread) + steps))
  } catch {
    // As it was.
  }
}
