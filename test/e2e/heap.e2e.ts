import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

/** What V8 tells of its memory reducer while a process collects its heap once and then rests. */
function restAfterCollecting(before: string): { stdout: string; stderr: string } {
  const heap = new URL('../../src/main/heap.ts', import.meta.url).href
  const program = `
    import { keepHeapRoom } from ${JSON.stringify(heap)}
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
  return spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', program], { encoding: 'utf8' })
}

test('a rest is no reason for V8 to collect the heap: its memory reducer waits for none', () => {
  expect(restAfterCollecting('').stdout).toContain('Memory reducer: waiting')
  const { stdout, stderr } = restAfterCollecting('keepHeapRoom()')
  expect(stdout).toContain('Memory reducer')
  expect(stdout).not.toContain('Memory reducer: waiting')
  expect(stderr).toBe('')
})
