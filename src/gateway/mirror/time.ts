/** Time, as copies need it. */
export type MirrorTime = {
  nowMs(): number
  /** Runs it later, and not at all once the returned function is called. */
  after(delayMs: number, run: () => void): () => void
  /** Runs it when what is at hand is done. */
  soon(run: () => void): void
}

export const processTime: MirrorTime = {
  nowMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
  soon: run => {
    setImmediate(run)
  },
}
