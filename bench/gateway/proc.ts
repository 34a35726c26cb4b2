/** What the kernel knows of processes: their time and their memory, threads and children included. */
import { readdirSync, readFileSync } from 'node:fs'
import { pause } from './processes.ts'

/** `otherSeconds`: what of both was not on the first thread of a process. */
export type Cpu = { userSeconds: number; kernelSeconds: number; otherSeconds: number }

/** The kernel counts process time in these. */
const ticksPerSecond = 100

/** A process and all that it started. */
export function treeOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap(task =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(treeOf)]
}

export function cpuOf(pids: readonly number[]): Cpu {
  const sum: Cpu = { userSeconds: 0, kernelSeconds: 0, otherSeconds: 0 }
  for (const pid of pids) {
    const all = timesIn(`/proc/${pid}/stat`)
    const first = timesIn(`/proc/${pid}/task/${pid}/stat`)
    sum.userSeconds += all.user
    sum.kernelSeconds += all.kernel
    sum.otherSeconds += all.user + all.kernel - first.user - first.kernel
  }
  return sum
}

function timesIn(file: string): { user: number; kernel: number } {
  const fields = readFileSync(file, 'utf8').split(') ')[1]?.split(' ') ?? []
  return { user: Number(fields[11]) / ticksPerSecond, kernel: Number(fields[12]) / ticksPerSecond }
}

/** Resident memory. */
export function rssMegabytesOf(pids: readonly number[]): number {
  const kilobytes = pids.map(pid => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]))
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024
}

const idleShare = 0.1
const lookMs = 250
const looksMax = 60

/** What was left to do after the load is over is done, and belongs to that load's time. */
export async function settled(pids: () => readonly number[]): Promise<void> {
  for (let look = 0; look < looksMax; look += 1) {
    const before = cpuOf(pids())
    await pause(lookMs)
    const after = cpuOf(pids())
    const usedSeconds = after.userSeconds + after.kernelSeconds - before.userSeconds - before.kernelSeconds
    if (usedSeconds < (idleShare * lookMs) / 1_000) return
  }
}

/** The greatest resident memory while something runs. */
export async function peakRssDuring<Result>(
  pids: () => readonly number[],
  run: () => Promise<Result>,
): Promise<{ result: Result; peakMegabytes: number }> {
  let peakMegabytes = rssMegabytesOf(pids())
  const timer = setInterval(() => {
    peakMegabytes = Math.max(peakMegabytes, rssMegabytesOf(pids()))
  }, 100)
  try {
    const result = await run()
    return { result, peakMegabytes }
  } finally {
    clearInterval(timer)
  }
}
