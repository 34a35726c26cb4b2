/** Watches one server: ready or not, by asking it again and again. */
import type { ReadyCheck } from '../../../core/endpoint.ts'
import { limits } from '../../../core/limits.ts'
import type { HttpClient } from './http-client.ts'

const firstProbeMs = 50
const unknownPathStatus = new Set([404, 405, 501])

/** Calls back with what each probe found until the returned function is called: at first often, then every `healthIntervalMs`. */
export function watchHealth(
  client: HttpClient,
  check: ReadyCheck,
  onProbe: (found: { isReady: boolean; status: number | null }) => void,
): () => void {
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let waitMs = firstProbeMs
  const probe = async (): Promise<void> => {
    const status = await client.probe(check.path)
    if (isStopped) return
    const isReady =
      status !== null && ((status >= 200 && status < 300) || (check.unknownIsReady && unknownPathStatus.has(status)))
    waitMs = isReady ? limits.healthIntervalMs : Math.min(limits.healthIntervalMs, waitMs * 1.5)
    onProbe({ isReady, status })
    if (!isStopped) timer = setTimeout(() => void probe(), waitMs)
  }
  void probe()
  return () => {
    isStopped = true
    clearTimeout(timer)
  }
}
