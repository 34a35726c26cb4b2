/** Keys and certificates on the metrics page. Series by the names of the keys that there are, so their number is bounded. */
import { Counter, Gauge, type Registry } from 'prom-client'

export type AccessReadings = {
  keys: readonly {
    key: string
    admitted: number
    forbidden: number
    rateLimited: number
    crowded: number
    inFlight: number
  }[]
  certificates: readonly { listener: string; notAfterMs: number; taken: number; refused: number }[]
}

/** Returns what brings the numbers up to date. */
export function registerAccessMetrics(registers: Registry[]): (now: AccessReadings) => void {
  const requests = new Counter({
    name: 'cutover_key_requests_total',
    help: 'Requests by API key: admitted, forbidden, over its rate (rate-limited) or its number at once (crowded).',
    labelNames: ['key', 'result'],
    registers,
  })
  const inFlight = new Gauge({
    name: 'cutover_key_requests_in_flight',
    help: 'Requests being answered, by API key.',
    labelNames: ['key'],
    registers,
  })
  const notAfter = new Gauge({
    name: 'cutover_certificate_not_after_seconds',
    help: 'When the certificate of a listener ends, in seconds since 1970.',
    labelNames: ['listener'],
    registers,
  })
  const reloads = new Counter({
    name: 'cutover_certificate_reloads_total',
    help: 'Changes of the certificate files of a listener: taken, or refused because they cannot be used.',
    labelNames: ['listener', 'result'],
    registers,
  })
  return ({ keys, certificates }) => {
    for (const one of [requests, inFlight, notAfter, reloads]) one.reset()
    for (const { key, ...counts } of keys) {
      requests.inc({ key, result: 'admitted' }, counts.admitted)
      requests.inc({ key, result: 'forbidden' }, counts.forbidden)
      requests.inc({ key, result: 'rate-limited' }, counts.rateLimited)
      requests.inc({ key, result: 'crowded' }, counts.crowded)
      inFlight.set({ key }, counts.inFlight)
    }
    for (const { listener, notAfterMs, taken, refused } of certificates) {
      notAfter.set({ listener }, notAfterMs / 1_000)
      reloads.inc({ listener, result: 'taken' }, taken)
      reloads.inc({ listener, result: 'refused' }, refused)
    }
  }
}
