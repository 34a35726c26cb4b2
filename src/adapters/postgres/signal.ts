/** A number that two threads share: 0 until there is an answer. */

export function raise(signal: Int32Array): void {
  Atomics.store(signal, 0, 1)
  Atomics.notify(signal, 0)
}

/**
 * Stands still until the signal is raised; false where it was not in time. A call to wake up may be that of the answer before, which came
 * while nobody slept any more: what counts is the number.
 */
export function isRaised(signal: Int32Array, waitMs: number): boolean {
  const untilMs = performance.now() + waitMs
  while (Atomics.load(signal, 0) === 0) {
    const leftMs = untilMs - performance.now()
    if (leftMs <= 0) return false
    Atomics.wait(signal, 0, 0, leftMs)
  }
  return true
}
