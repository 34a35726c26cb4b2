import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Backend, VersionSpec } from '../../../src/core/endpoint.ts'
import type { Instance } from '../../../src/ports/backend.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Deployer, FleetReport } from '../../../src/ports/deployer.ts'

/** A clock that runs `speed` times as fast, so that seconds of backoff and deadlines pass in milliseconds. */
export function fastClock(speed: number): Clock {
  const startMs = Date.now()
  return {
    nowMs: () => startMs + (Date.now() - startMs) * speed,
    every: (intervalMs, run) => {
      const timer = setInterval(run, intervalMs / speed)
      return () => clearInterval(timer)
    },
  }
}

export const silentLogger = { info() {}, warn() {}, error() {} }

export type Reports = {
  report(report: FleetReport): void
  all: FleetReport[]
  /** The next report of this state that nobody waited for yet. */
  next<State extends FleetReport['state']>(state: State): Promise<FleetReport & { state: State }>
}

export function collectReports(): Reports {
  const all: FleetReport[] = []
  const unread: FleetReport[] = []
  let wake = Promise.withResolvers<void>()
  const take = (state: string) => {
    const at = unread.findIndex(report => report.state === state)
    return at === -1 ? undefined : unread.splice(0, at + 1).at(-1)
  }
  return {
    all,
    report(report) {
      all.push(report)
      unread.push(report)
      wake.resolve()
      wake = Promise.withResolvers<void>()
    },
    async next(state) {
      for (;;) {
        const found = take(state)
        if (found?.state === state) return found as Extract<FleetReport, { state: typeof state }>
        await wake.promise
      }
    },
  }
}

export function version(name: string, backend: Backend, instances = 1): VersionSpec {
  return { name, backend, instances }
}

/** Polls, since what it waits for has no event of its own; the time-out of the test ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 5))
}

export function pick(deployer: Deployer, name: string): Instance {
  const instance = deployer.fleets.pick('digits', name)
  if (instance === null) throw new Error(`no instance of ${name} is ready`)
  return instance
}

/** Tests that run side by side hand over their own `onTestFinished`. */
export type Finished = (run: () => void | Promise<void>) => void

/** Ends when the test does, whatever came of it. */
export function closing<T extends { close(): Promise<void> }>(closable: T, finished: Finished = onTestFinished): T {
  finished(() => closable.close())
  return closable
}

export function temporaryFolder(finished: Finished = onTestFinished): string {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-'))
  finished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function temporaryFile(name: string, content: Uint8Array | string, finished: Finished = onTestFinished): string {
  const path = join(temporaryFolder(finished), name)
  writeFileSync(path, content)
  return path
}
