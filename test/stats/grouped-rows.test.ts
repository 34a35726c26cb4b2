import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addGroupToOffPolicy } from '../../src/stats/off-policy/grouped-rows.ts'
import {
  addToOffPolicy,
  estimateOffPolicy,
  type OffPolicyState,
  startOffPolicy,
} from '../../src/stats/off-policy/off-policy.ts'
import { addToMoments, emptyMoments } from '../../src/stats/summaries/moments.ts'
import { expectClose, numbers, refusal } from './support.ts'

const group = fc.record({
  loggingPropensity: fc.constantFrom(0.1, 0.25, 0.5, 0.9),
  evaluationPropensity: fc.constantFrom(0.2, 0.5, 0.8),
  rewards: fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 40, maxLength: 80 }),
  modelledReward: fc.double({ min: -1, max: 1, noNaN: true }),
  modelledValue: fc.double({ min: -1, max: 1, noNaN: true }),
})

const momentsOf = (values: readonly number[]) =>
  values.reduce((sum, value) => numbers(addToMoments(sum, value)).moments, emptyMoments)

describe('groups of logged rows', () => {
  test.each(['ips', 'snips', 'dr', 'sndr'] as const)('%s of groups is that of their rows', kind => {
    fc.assert(
      fc.property(fc.array(group, { minLength: 4, maxLength: 8 }), groups => {
        let [byRow, byGroup]: [OffPolicyState, OffPolicyState] = [
          numbers(startOffPolicy({ method: { kind } })).state,
          numbers(startOffPolicy({ method: { kind } })).state,
        ]
        for (const one of groups) {
          for (const reward of one.rewards)
            byRow = numbers(addToOffPolicy({ state: byRow, row: { ...one, reward } })).state
          const added = { ...one, rewards: momentsOf(one.rewards) }
          byGroup = numbers(addGroupToOffPolicy({ state: byGroup, group: added })).state
        }
        const [rows, whole] = [
          estimateOffPolicy({ state: byRow, alpha: 0.05 }),
          estimateOffPolicy({ state: byGroup, alpha: 0.05 }),
        ]
        expect(whole.ok).toBe(rows.ok)
        if (!rows.ok || !whole.ok) return
        expectClose(whole.estimate, rows.estimate, 1e-9)
        expectClose(whole.standardError, rows.standardError, 1e-9)
        expectClose(whole.overlap.effectiveRows / rows.overlap.effectiveRows, 1, 1e-9)
      }),
      { numRuns: 30 },
    )
  })

  test('refuses methods by row, groups without a model, and choices without support', () => {
    const rewards = momentsOf([0, 1])
    const plain = { loggingPropensity: 0.5, evaluationPropensity: 1, rewards }
    const stateOf = (kind: 'dr' | 'ips') => numbers(startOffPolicy({ method: { kind } })).state
    const dros = numbers(startOffPolicy({ method: { kind: 'dros', lambda: 1 } })).state
    expect(refusal(addGroupToOffPolicy({ state: dros, group: plain })).reason).toContain('one by one')
    expect(refusal(addGroupToOffPolicy({ state: stateOf('dr'), group: plain })).reason).toContain('modelled')
    const unsupported = { ...plain, loggingPropensity: 0 }
    expect(refusal(addGroupToOffPolicy({ state: stateOf('ips'), group: unsupported })).kind).toBe('invalid')
  })
})
