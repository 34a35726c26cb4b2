/** The server's own log: JSON lines on stderr, written at once. A line that cannot be written is lost, and nothing else is. */
import { writeSync } from 'node:fs'
import { type Logger, pino } from 'pino'
import { limits } from '../../core/limits.ts'

export type ServerLogOptions = {
  level: string
  /** What is said on every line. */
  base: Readonly<Record<string, unknown>> | null
  /** Writes what it can and tells how many bytes that was. */
  write?: (bytes: Uint8Array) => number
}

const stderr = 2

export function createServerLog({ level, base, write = toStderr }: ServerLogOptions): Logger {
  const lines = createLines(write, count =>
    logger.warn({ count }, 'lines of this log could not be written and are lost'),
  )
  const logger = pino({ level, base }, lines)
  return logger
}

function toStderr(bytes: Uint8Array): number {
  return writeSync(stderr, bytes)
}

/** `onLost` is told of lines that were lost once one can be written again. */
function createLines(write: (bytes: Uint8Array) => number, onLost: (count: number) => void) {
  let lost = 0
  /** The last line broke off: what follows begins on one of its own. */
  let isTorn = false
  return {
    write(line: string): void {
      const bytes = Buffer.from(isTorn ? `\n${line}` : line)
      // A reader that was waited for in vain is not waited for again at each line.
      const left = writeAll(write, bytes, lost === 0 ? limits.logWaitMs : 0)
      if (left > 0) {
        isTorn ||= left < bytes.length
        lost += 1
        return
      }
      isTorn = false
      if (lost === 0) return
      const count = lost
      lost = 0
      onLost(count)
    },
  }
}

/** How many bytes could not be written: because of a full disk, a reader that is gone, or one that did not read in time. */
function writeAll(write: (bytes: Uint8Array) => number, bytes: Uint8Array, patienceMs: number): number {
  let left = bytes
  let waitedMs = 0
  while (left.length > 0) {
    try {
      left = left.subarray(write(left))
    } catch (error) {
      if (!isBusy(error) || waitedMs >= patienceMs) break
      waitedMs += pauseMs
      standStill(pauseMs)
    }
  }
  return left.length
}

const pauseMs = 10

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY')
}

/** Lines are in the order in which they were said, so that there is nothing else to do meanwhile. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
