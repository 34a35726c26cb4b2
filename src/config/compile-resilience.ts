/** What an Endpoint document says about failing and busy model servers, as the gateway goes by it. */
import type { EndpointResource } from '../contract/resources.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { durationMs, percentPpm } from './quantities.ts'

type Resilience = Pick<EndpointSpec, 'timeouts' | 'retry' | 'breaker' | 'concurrency'>

export function compileResilience({ timeouts, retry, breaker, concurrency }: EndpointResource): Resilience {
  return {
    timeouts: {
      connectMs: durationMs(timeouts.connect),
      firstByteMs: durationMs(timeouts['first-byte']),
      idleMs: durationMs(timeouts.idle),
      ...(timeouts.total !== undefined && { totalMs: durationMs(timeouts.total) }),
    },
    ...(retry !== undefined && {
      retry: {
        attemptsMax: retry.attempts,
        budgetPpm: percentPpm(retry.budget),
        repeatsPosts: retry['repeat-posts'],
        statuses: retry.statuses,
      },
    }),
    ...(breaker !== undefined && {
      breaker: {
        failuresPpm: percentPpm(breaker.failures),
        callsMin: breaker['min-calls'],
        openMs: durationMs(breaker.open),
      },
    }),
    ...(concurrency !== undefined && {
      concurrency: {
        perVersionMax: concurrency['per-version'],
        queueMax: concurrency.queue,
        waitMs: durationMs(concurrency.wait),
      },
    }),
  }
}
