import type { MirrorTime } from '../../../src/gateway/mirror/time.ts'

/** Time that stands still until it is advanced; what is due soon runs when it is settled. */
export function manualTime() {
  let nowMs = 0
  let timers: { atMs: number; run: () => void }[] = []
  const due: (() => void)[] = []
  const turn = () => {
    for (const run of due.splice(0)) run()
  }
  const settle = async () => {
    for (let round = 0; round < 20; round += 1) {
      turn()
      await null
    }
  }
  const time: MirrorTime = {
    nowMs: () => nowMs,
    after: (delayMs, run) => {
      const timer = { atMs: nowMs + delayMs, run }
      timers.push(timer)
      return () => {
        timers = timers.filter(one => one !== timer)
      }
    },
    soon: run => due.push(run),
  }
  const advance = async (durationMs: number) => {
    const untilMs = nowMs + durationMs
    await settle()
    for (;;) {
      const [next] = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      timers = timers.filter(one => one !== next)
      nowMs = Math.max(nowMs, next.atMs)
      next.run()
      await settle()
    }
    nowMs = untilMs
    await settle()
  }
  /** Time passes in which nothing that is due gets its turn. */
  const late = (durationMs: number) => {
    nowMs += durationMs
  }
  return { time, advance, settle, turn, late, timers: () => timers.length }
}
