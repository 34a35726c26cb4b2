/**
 * What a few files say, read again whenever one of them changes. They are looked at by the clock rather than by the file
 * system's own notices, which say nothing of files behind links or on network file systems (a Kubernetes secret is both).
 * What cannot be used changes nothing: the old stays, and that is told.
 */
import { readFileSync, statSync } from 'node:fs'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import { errorText } from '../error-text.ts'

export type FileContents<Name extends string> = Readonly<Record<Name, Buffer>>

export interface Watched<Value> {
  current(): Value
  subscribe(listener: (value: Value) => void): () => void
  counts(): { taken: number; refused: number }
  close(): void
}

export type WatchPlan<Name extends string, Value> = {
  /** By what they are for. */
  files: Readonly<Record<Name, string>>
  /** Throws, with the reason, for what cannot be used. */
  load(contents: FileContents<Name>): Value
  /** What counts until the files can be used; without it they must be usable at once. */
  orElse?: Value
  clock: Clock
  /** The files changed and were taken, or refused with a reason. */
  tell(result: { taken: true } | { taken: false; reason: string }): void
}

/** Throws certificate-invalid if the files cannot be used as they are now and there is nothing else. */
export function watchFiles<Name extends string, Value>(plan: WatchPlan<Name, Value>): Watched<Value> {
  const { files, load, clock, tell } = plan
  const listeners = new Set<(value: Value) => void>()
  const counts = { taken: 0, refused: 0 }
  let seen = fingerprint(files)
  let value = firstOf(plan)

  const look = (): void => {
    const now = fingerprint(files)
    if (now === seen) return
    seen = now
    try {
      value = load(readAll(files))
      counts.taken += 1
      for (const listener of listeners) listener(value)
      tell({ taken: true })
    } catch (error) {
      counts.refused += 1
      tell({ taken: false, reason: errorText(error) })
    }
  }

  const stop = clock.every(limits.certificateLookMs, look)
  return {
    current: () => value,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    counts: () => counts,
    close: stop,
  }
}

function firstOf<Name extends string, Value>({ files, load, orElse, tell }: WatchPlan<Name, Value>): Value {
  try {
    return load(readAll(files))
  } catch (error) {
    const reason = `cannot use ${Object.values(files).join(', ')}: ${errorText(error)}`
    if (orElse === undefined) throw new CutoverError('certificate-invalid', reason, [], error)
    tell({ taken: false, reason })
    return orElse
  }
}

function readAll<Name extends string>(files: Readonly<Record<Name, string>>): FileContents<Name> {
  const entries = Object.entries<string>(files).map(([name, path]) => [name, readBounded(path)])
  return Object.fromEntries(entries) as FileContents<Name>
}

function readBounded(path: string): Buffer {
  const { size } = statSync(path)
  if (size > limits.certificateBytesMax) throw new Error(`${path} has ${size} bytes, too many for a certificate or key`)
  return readFileSync(path)
}

/** A file that is put in place of another has another number, whatever its time. */
function fingerprint(files: Readonly<Record<string, string>>): string {
  return Object.values(files).map(fileMark).join(' ')
}

function fileMark(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path)
    return `${ino}:${size}:${mtimeMs}`
  } catch (error) {
    return errorText(error)
  }
}
