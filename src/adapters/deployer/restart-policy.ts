/** When a crashed instance is started again: sooner at first, later each time, and when that counts as failed. */
import { limits } from '../../core/limits.ts'

export interface RestartPolicy {
  /** Counts a crash; answers how long to wait and whether the instance has failed by now. */
  crashed(nowMs: number): { delayMs: number; hasFailed: boolean }
}

export function createRestartPolicy(): RestartPolicy {
  let crashes: number[] = []
  return {
    crashed(nowMs) {
      crashes = [...crashes.filter(atMs => nowMs - atMs < limits.restartWindowMs), nowMs]
      const delayMs = Math.min(limits.restartBackoffMaxMs, limits.restartBackoffMinMs * 2 ** (crashes.length - 1))
      return { delayMs, hasFailed: crashes.length > limits.restartsMax }
    },
  }
}
