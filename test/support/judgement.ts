import type { CheckResult, Judgement } from '../../src/core/judge/judgement.ts'

/** A look at the evidence that ended a canary: the error rate of v2 is far above that of v1. */
export const breach: Judgement = {
  verdict: 'fail',
  reason: 'error-rate of v2 is 9.00%, of v1 0.50%: 8.50pp more, tolerated 0.50pp',
  validity: { verdict: 'pass', reason: 'as expected', logEvidence: -2.1, observed: [950, 50], expected: [950, 50] },
  checks: [
    {
      check: { metric: 'error-rate', measure: { kind: 'error-rate' }, margin: 0.005, alpha: 0.01, minEvents: 100 },
      role: 'guardrail',
      verdict: 'fail',
      reason: 'error-rate of v2 is 9.00%, of v1 0.50%: 8.50pp more, tolerated 0.50pp',
      candidate: { version: 'v2', trials: 200, events: 18, value: 0.09 },
      stable: { version: 'v1', trials: 3800, events: 19, value: 0.005 },
      harm: { estimate: 0.085, lower: 0.021, upper: Number.POSITIVE_INFINITY },
      logEvidence: 5.3,
      method: 'betting e-process',
      strata: [{ epoch: 2, candidate: { trials: 200, events: 18 }, stable: { trials: 3800, events: 19 } }],
    },
    {
      check: {
        metric: 'latency-p99',
        measure: { kind: 'latency', quantile: 0.99 },
        margin: 0.2,
        alpha: 0.01,
        minEvents: 100,
      },
      role: 'guardrail',
      verdict: 'insufficient',
      reason: '40 of 100 observations',
      candidate: { version: 'v2', trials: 40, events: null, value: 21.5 },
      stable: { version: 'v1', trials: 3800, events: null, value: 20 },
      harm: { estimate: 0.075, lower: null, upper: null },
      logEvidence: null,
      method: 'quantile confidence sequence',
      strata: [],
    },
  ],
  stepRequests: 200,
  exposedRequests: 200,
  exposedUnits: 180,
}

/** A guardrail of which the stable version has this many observations. */
export function checkResult({ blue, minEvents }: { blue: number; minEvents: number }): CheckResult {
  const side = (version: string, trials: number) => ({ version, trials, events: 0, value: null })
  return {
    check: { metric: 'error-rate', measure: { kind: 'error-rate' }, margin: 0.01, alpha: 0.01, minEvents },
    role: 'guardrail',
    verdict: 'pass',
    reason: '',
    candidate: side('v2', 0),
    stable: side('v1', blue),
    harm: { estimate: null, lower: null, upper: null },
    logEvidence: null,
    method: '',
    strata: [],
  }
}
