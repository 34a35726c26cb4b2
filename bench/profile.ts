/**
 * Where the time of a profiled process went: the functions with the most time of their own, and the time by file.
 *
 *   node bench/profile.ts FILE.cpuprofile …
 */
import { readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

type Frame = { functionName: string; url: string; lineNumber: number }
type Profile = { nodes: { id: number; callFrame: Frame }[]; samples: number[]; timeDeltas: number[] }

const linesShown = 25
const root = resolve(import.meta.dirname, '..')

for (const file of process.argv.slice(2)) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as Profile
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const [byFunction, byFile] = [new Map<string, number>(), new Map<string, number>()]
  let busyMicros = 0
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id)
    if (frame === undefined || frame.functionName === '(idle)') continue
    const micros = timeDeltas[index] ?? 0
    busyMicros += micros
    add(byFunction, `${frame.functionName || '(anonymous)'} ${placeOf(frame)}:${frame.lineNumber + 1}`, micros)
    add(byFile, placeOf(frame), micros)
  }
  console.log(`\n${file}: ${(busyMicros / 1e6).toFixed(1)} s busy`)
  for (const sums of [byFunction, byFile]) print(sums, busyMicros)
}

function add(sums: Map<string, number>, key: string, micros: number): void {
  sums.set(key, (sums.get(key) ?? 0) + micros)
}

function print(sums: ReadonlyMap<string, number>, totalMicros: number): void {
  const greatest = [...sums].toSorted(([, a], [, b]) => b - a).slice(0, linesShown)
  console.log('')
  for (const [key, micros] of greatest)
    console.log(`${((100 * micros) / totalMicros).toFixed(1).padStart(6)} %  ${key}`)
}

function placeOf({ url }: Frame): string {
  if (url === '') return '(native)'
  return url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url
}
