/** What V8's collector is told before there are callers. */
import { setFlagsFromString } from 'node:v8'

/**
 * A rest is no reason to make room. V8 takes a quiet while for one: it collects the whole heap, and lowers the size at which it
 * will do so again to little more than what is used. The callers after the rest reach that at once, and share the gateway's
 * core with the threads that mark the heap. Bursts are what a gateway is for, so the heap keeps the room that it has.
 *
 * It may double before V8 marks it again. Left to itself V8 finds marking cheap, since others than the program do most of it, and
 * begins again 8 MB further on; uploads in chunks, whose memory counts, can fill that between two collections of young objects.
 * For a heap that few objects reach, as the store's, it would be the other way: up to four times as much before it looks.
 *
 * V8 reads these flags each time that it decides, which makes them safe to set while it runs; most of its flags are not.
 */
export function keepHeapRoom(): void {
  setFlagsFromString('--memory-reducer-gc-count=0')
  setFlagsFromString('--heap-growing-percent=100')
  // An older one would complain of it on stderr.
  if (v8Version() >= 14.6) setFlagsFromString('--no-scavenger-updates-allocation-limit')
}

/** Chrome's by ten, hence in order as a number. */
function v8Version(): number {
  return Number.parseFloat(process.versions.v8)
}
