/** A look that the screen passes over would have changed nothing. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { judge } from '../../../src/core/judge/judge.ts'
import { mayBreach } from '../../../src/core/simulate/screen.ts'
import { runningRelease, seen } from '../../support/evidence.ts'

const checks = [
  { metric: 'error-rate', measure: { kind: 'error-rate' as const }, margin: 0.005, alpha: 0.01, minEvents: 100 },
  { metric: 'accuracy', measure: { kind: 'accuracy' as const }, margin: 0.01, alpha: 0.01, minEvents: 100 },
]
const side = fc
  .record({
    requests: fc.integer({ min: 0, max: 4_000 }),
    errors: fc.double({ min: 0, max: 0.2, noNaN: true }),
    wrong: fc.double({ min: 0, max: 0.3, noNaN: true }),
  })
  .map(({ requests, errors, wrong }) => ({
    requests,
    errors: Math.floor(requests * errors),
    labelled: Math.floor(requests / 2),
    wrong: Math.floor((requests * wrong) / 2),
    // Splits that may be bad, and such as are not.
    newUnits: 1_000 + (requests % 120),
  }))
const epochs = fc.array(fc.record({ stable: side, candidate: side }), { minLength: 1, maxLength: 4 })

it('no breach and no bad split is called where the screen sees none', () => {
  let passedOver = 0
  fc.assert(
    fc.property(epochs, entries => {
      const release = runningRelease(
        entries.map(() => 50),
        { guardrails: checks },
      )
      const evidence = seen(entries.map(entry => ({ percent: 50, ...entry })))
      if (mayBreach(release, evidence)) return
      passedOver += 1
      expect(['pass', 'insufficient']).toContain(judge(release, evidence).verdict)
    }),
    { numRuns: 400 },
  )
  expect(passedOver).toBeGreaterThan(20)
})

it('a breach that is called is seen by the screen', () => {
  const release = runningRelease([50], { guardrails: checks })
  const evidence = seen([
    {
      percent: 50,
      stable: { requests: 2_000, errors: 10, newUnits: 2_000 },
      candidate: { requests: 2_000, errors: 80, newUnits: 2_000 },
    },
  ])
  expect(judge(release, evidence).verdict).toBe('fail')
  expect(mayBreach(release, evidence)).toBe(true)
})
