/** What V8's collector is told before there are callers. */
import { setFlagsFromString } from 'node:v8'

/**
 * A rest is no reason to make room. V8 takes a quiet while for one: it collects the whole heap, and lowers the size at which it
 * will do so again to little more than what is used. The callers after the rest reach that at once, and share the gateway's
 * core with the threads that mark the heap. Bursts are what a gateway is for, so the heap keeps the room that it has.
 *
 * V8 reads these two flags each time that it decides, which makes them safe to set while it runs; most of its flags are not.
 */
export function keepHeapRoom(): void {
  setFlagsFromString('--memory-reducer-gc-count=0')
  // An older one would complain of it on stderr.
  if (v8Version() >= 14.6) setFlagsFromString('--no-scavenger-updates-allocation-limit')
}

/** Chrome's by ten, hence in order as a number. */
function v8Version(): number {
  return Number.parseFloat(process.versions.v8)
}
