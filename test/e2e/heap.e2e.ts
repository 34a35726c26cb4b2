import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

/** A program with a heap of its own, in which `keepHeapRoom` may be called. */
function run(program: string, flags: readonly string[]): { stdout: string; stderr: string } {
  const heap = new URL('../../src/main/heap.ts', import.meta.url).href
  const whole = `import { keepHeapRoom } from ${JSON.stringify(heap)}\n${program}`
  return spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', whole], { encoding: 'utf8' })
}

/** What V8 tells of its memory reducer while a process collects its heap once and then rests. */
function restAfterCollecting(before: string): { stdout: string; stderr: string } {
  const program = `
    ${before}
    const kept = Array.from({ length: 300_000 }, (_, index) => ({ index }))
    gc()
    setTimeout(() => kept.length, 700)
  `
  const flags = [
    '--expose-gc',
    '--trace-memory-reducer',
    '--memory-reducer-delay-ms=100',
    '--gc-memory-reducer-start-delay-ms=100',
  ]
  return run(program, flags)
}

test('a rest is no reason for V8 to collect the heap: its memory reducer waits for none', () => {
  expect(restAfterCollecting('').stdout).toContain('Memory reducer: waiting')
  const { stdout, stderr } = restAfterCollecting('keepHeapRoom()')
  expect(stdout).toContain('Memory reducer')
  expect(stdout).not.toContain('Memory reducer: waiting')
  expect(stderr).toBe('')
})

/** Beside the double of what is used, V8 allows for its young objects and some pages. */
const roomBesidesMb = 64

test('the heap may double before V8 marks it again, whatever V8 makes of the pace', () => {
  const program = `
    keepHeapRoom()
    const kept = Array.from({ length: 1_000_000 }, (_, index) => ({ index, many: [index] }))
    gc()
    const filling = setInterval(() => {
      for (let index = 0; index < 50_000; index += 1) kept.push({ index, many: [index] })
      if (kept.length > 3_000_000) clearInterval(filling)
    }, 1)
  `
  const { stdout } = run(program, ['--expose-gc', '--trace-gc', '--trace-incremental-marking'])
  const usedMb = Number(/Mark-Compact [\d.]+ \([\d.]+\) -> ([\d.]+)/.exec(stdout)?.[1])
  const limitMb = Number(/v8: \d+MB \/ \d+MB \/ (\d+)MB/.exec(stdout.slice(stdout.indexOf('testing; GC')))?.[1])
  expect(limitMb).toBeGreaterThanOrEqual(Math.floor(2 * usedMb))
  expect(limitMb).toBeLessThanOrEqual(2 * usedMb + roomBesidesMb)
})
