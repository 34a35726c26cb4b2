import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import type { Backend, VersionSpec } from '../../../src/core/endpoint.ts'
import type { BackendRequest, BackendResponse, Instance } from '../../../src/ports/backend.ts'
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

export function request(parts: Partial<BackendRequest> & { path: string }): BackendRequest {
  return {
    method: 'POST',
    headers: ['content-type', 'application/json'],
    body: null,
    timeouts: { connectMs: 2_000, firstByteMs: 10_000, idleMs: 10_000 },
    signal: new AbortController().signal,
    ...parts,
  }
}

export async function bodyOf(response: BackendResponse): Promise<string> {
  return response.body instanceof Readable
    ? (await buffer(response.body)).toString('latin1')
    : Buffer.from(response.body).toString()
}

export async function jsonOf(response: BackendResponse): Promise<unknown> {
  return JSON.parse(await bodyOf(response))
}

/** Polls because what it waits for has no event of its own; the test's time-out ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 5))
}

export function pick(deployer: Deployer, name: string): Instance {
  const instance = deployer.fleets.pick('digits', name)
  if (instance === null) throw new Error(`no instance of ${name} is ready`)
  return instance
}

/** Ends when the test does, whatever came of it. */
export function closing<T extends { close(): Promise<void> }>(closable: T): T {
  onTestFinished(() => closable.close())
  return closable
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function temporaryFile(name: string, content: Uint8Array | string): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, content)
  return path
}
