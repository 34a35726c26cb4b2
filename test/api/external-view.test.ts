/** What is told of a number of another system: the bound that it is held against, in terminals too. */
import { expect, it } from 'vitest'
import { judgementView } from '../../src/api/judgement-view.ts'
import { checkNumbers, judgementText } from '../../src/cli/release-text.ts'
import type { ExternalBound } from '../../src/core/external-metric.ts'
import { judge } from '../../src/core/judge/judge.ts'
import type { MetricCheck } from '../../src/core/metric-check.ts'
import { runningRelease, seen } from '../support/evidence.ts'

const metric = {
  source: { from: 'prometheus', url: 'http://127.0.0.1:9090', query: 'queue{version="{{version}}"}' },
  everyMs: 15_000,
  timeoutMs: 5_000,
} as const

const stable = { requests: 1_000 }
const candidate = { requests: 100 }

function toldOf(bound: ExternalBound, margin = 0) {
  const measure = { kind: 'external', metric, bound, failures: 3, missing: 'insufficient' } as const
  const check: MetricCheck = { metric: 'queue', measure, margin, alpha: 0.01, minEvents: 100 }
  return judgementView(
    judge(runningRelease([10], { guardrails: [check] }), seen([{ percent: 10, stable, candidate }]), {}),
  )
}

it.each([
  [{ kind: 'max', bound: 20 }, 'at most 20'],
  [{ kind: 'min', bound: 0.5 }, 'at least 0.5'],
] as const)('a bound of its own is told as what is tolerated: %o', (bound, words) => {
  const view = toldOf(bound)
  expect(view.checks[0]?.bound).toEqual({ kind: bound.kind, value: bound.bound })
  expect(judgementText(view)).toMatch(new RegExp(`queue +guardrail .*${words}`))
  expect(view.checks.map(checkNumbers).join()).toContain(`tolerated ${words}\n`)
})

it('against the stable version its margin is', () => {
  const view = toldOf({ kind: 'margin', margin: 0.1, scale: 'relative' }, 0.1)
  expect(view.checks[0]).not.toHaveProperty('bound')
  expect(judgementText(view)).toContain('+10%')
})
