/**
 * Runs the fuzzers by turns. What is found is printed and kept in `corpus/NAME`, which `corpus.test.ts` replays.
 *
 *   node test/fuzz/run.ts [MINUTES] [SEED] [NAMES...]
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { type Draw, drawFrom } from './answer-bytes.ts'
import { corpusFolder, corpusOf, type Fuzzer, type Sample } from './fuzzer.ts'
import { fuzzers } from './fuzzers.ts'
import { mutate } from './mutate.ts'

const [minutes = '1', seed = String(Date.now() % 1_000_000), ...names] = process.argv.slice(2)
const turnMs = 2_000
/** After so many inputs the event loop turns: what Node leaves to it, such as parsers to be given back, would pile up. */
const inputsPerLoop = 64
/** Of one fuzzer: then it has said enough. */
const foundMax = 20
/** Inputs that mutations start from, the newest in place of an older one. */
const poolMax = 500

type Running = { fuzzer: Fuzzer; pool: Sample[]; tried: number; found: number; slowestMs: number; current: Buffer }

const running = fuzzers
  .filter(({ name }) => names.length === 0 || names.includes(name))
  .map(fuzzer => ({ fuzzer, pool: corpusOf(fuzzer.name), tried: 0, found: 0, slowestMs: 0, current: Buffer.alloc(0) }))
let turn: Running | undefined

for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (fault: unknown) => turn !== undefined && keep(turn, `left unhandled: ${textOf(fault)}`))

const endMs = Date.now() + Number(minutes) * 60_000
while (Date.now() < endMs && running.some(isOpen)) for (const one of running.filter(isOpen)) await takeTurn(one)
for (const { fuzzer, tried, found, slowestMs } of running) {
  process.stdout.write(
    `${fuzzer.name}: ${tried} inputs, ${found} found, the slowest took ${Math.round(slowestMs)} ms\n`,
  )
  await fuzzer.close?.()
}
process.stdout.write(`seed ${seed}\n`)
process.exit(running.some(({ found }) => found > 0) ? 1 : 0)

function isOpen({ found }: Running): boolean {
  return found < foundMax
}

async function takeTurn(one: Running): Promise<void> {
  turn = one
  const untilMs = Math.min(endMs, Date.now() + turnMs)
  while (Date.now() < untilMs && isOpen(one)) {
    one.current = inputOf(one, drawFrom(Number(seed) + one.tried))
    const startMs = performance.now()
    const fault = await faultOf(one)
    one.slowestMs = Math.max(one.slowestMs, performance.now() - startMs)
    one.tried += 1
    if (fault !== null) keep(one, fault)
    if (one.tried % inputsPerLoop === 0) await nextTurn()
  }
}

function inputOf({ fuzzer, pool }: Running, draw: Draw): Buffer {
  const made = fuzzer.make(draw)
  if (pool.length < poolMax) pool.push({ file: '', input: made })
  else if (draw.chance(0.05)) pool[draw.below(poolMax)] = { file: '', input: made }
  return draw.chance(0.5) ? made : mutate(draw.of(pool).input, made, draw)
}

async function faultOf({ fuzzer, current }: Running): Promise<string | null> {
  try {
    return await fuzzer.check(current)
  } catch (fault) {
    return `threw ${textOf(fault)}`
  }
}

function keep(one: Running, fault: string): void {
  one.found += 1
  const { fuzzer, current } = one
  const folder = corpusFolder(fuzzer.name)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `POST-found-${crc32(current).toString(16)}`)
  writeFileSync(file, current)
  process.stdout.write(`${file}: ${fault}\n${JSON.stringify(current.toString('latin1')).slice(0, 4_000)}\n`)
}

function textOf(fault: unknown): string {
  return fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
}
