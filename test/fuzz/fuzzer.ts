/**
 * A fuzzer makes inputs from draws and says what is wrong with how one is handled. Everything that a check needs is in the
 * bytes of its input, so that what was found is one file, and replaying it needs no more than that file.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type Draw, drawFrom } from './answer-bytes.ts'

export type Fuzzer = {
  /** Also the folder of its corpus. */
  name: string
  make(draw: Draw): Buffer
  /** What is wrong, in words; null for nothing. A fault that is thrown is a finding too. */
  check(input: Buffer): string | null | Promise<string | null>
  close?(): Promise<void>
}

export type Sample = { file: string; input: Buffer }

export function corpusFolder(name: string): string {
  return join(import.meta.dirname, 'corpus', name)
}

/** Inputs that were found once; none where nothing was. */
export function corpusOf(name: string): Sample[] {
  const folder = corpusFolder(name)
  const files = readdirSync(join(import.meta.dirname, 'corpus')).includes(name) ? readdirSync(folder) : []
  return files.map(file => ({ file, input: readFileSync(join(folder, file)) }))
}

/** Draws that depend on the input alone: where a check cuts it, for instance. */
export function drawOf(input: Buffer): Draw {
  return drawFrom(crc32(input))
}

/** Up to so many positions within the input, in order. */
export function cutsOf(input: Buffer, countMax: number): number[] {
  const draw = drawOf(input)
  const cuts = Array.from({ length: draw.below(countMax + 1) }, () => draw.below(input.length + 1))
  return cuts.toSorted((a, b) => a - b)
}

/** The input in the portions that these cuts make. */
export function cutAt(input: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [0, ...cuts, input.length]
  return edges.slice(1).map((end, at) => input.subarray(edges[at], end))
}

/** Null for what is thrown on purpose, for a caller to read. */
export function unforeseen(act: () => unknown, isMeant: (thrown: unknown) => boolean): string | null {
  try {
    act()
    return null
  } catch (thrown) {
    return isMeant(thrown) ? null : `threw ${thrown instanceof Error ? thrown.stack : String(thrown)}`
  }
}
