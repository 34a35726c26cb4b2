import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { isRaised } from '../../src/adapters/postgres/signal.ts'

/** Another thread that calls to wake up every millisecond, and raises the signal after so long. */
function callerThat(raisesAfterMs: number): Int32Array {
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const code = `const { workerData: { signal, raisesAfterMs } } = require('node:worker_threads')
    const fromMs = performance.now()
    setInterval(() => {
      if (performance.now() - fromMs > raisesAfterMs) Atomics.store(signal, 0, 1)
      Atomics.notify(signal, 0)
    }, 1)`
  const worker = new Worker(code, { eval: true, workerData: { signal, raisesAfterMs } })
  onTestFinished(async () => void (await worker.terminate()))
  return signal
}

test('a call that wakes and means an earlier answer is no answer', () => {
  const signal = callerThat(50)
  expect(isRaised(signal, 20_000)).toBe(true)
  expect(Atomics.load(signal, 0)).toBe(1)
})

test('what does not come in time does not come', () => {
  expect(isRaised(callerThat(1_000_000), 100)).toBe(false)
})

test('what is there already is not waited for', () => {
  expect(isRaised(Int32Array.of(1), 0)).toBe(true)
})
