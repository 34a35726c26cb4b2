/** Time from outside, so that tests and the simulator can bring their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Calls `run` every `intervalMs` until the returned function is called. */
  every(intervalMs: number, run: () => void): () => void
}
