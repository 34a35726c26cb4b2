/**
 * Time from outside, so that tests and the simulator can bring their own. The machine's may be put back or forward: what
 * takes a `clock` dates with it, what takes an `uptime` measures durations, and is given one that never jumps.
 */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Calls `run` every `intervalMs` until the returned function is called. */
  every(intervalMs: number, run: () => void): () => void
}
