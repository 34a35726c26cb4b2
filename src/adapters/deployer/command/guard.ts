/**
 * Outlives its parent by a moment: it reads process group numbers from its input (`+123`, `-123`) and, when the input
 * ends because the parent is gone, however it went, ends every group that is still listed.
 */
import { createInterface } from 'node:readline'

const groups = new Set<number>()
const graceMs = 1_000

const lines = createInterface({ input: process.stdin })
lines.on('line', line => {
  const group = Number(line.slice(1))
  if (!Number.isInteger(group) || group <= 1) return
  if (line.startsWith('+')) groups.add(group)
  else groups.delete(group)
})
lines.on('close', () => {
  signalAll('SIGTERM')
  setTimeout(
    () => {
      signalAll('SIGKILL')
      process.exit(0)
    },
    groups.size === 0 ? 0 : graceMs,
  )
})
// The terminal's Ctrl-C reaches the whole foreground group; the guard leaves only when its parent has.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

function signalAll(signal: NodeJS.Signals): void {
  for (const group of groups) {
    try {
      process.kill(-group, signal)
    } catch {
      // The group has ended already.
    }
  }
}
