import { describe, expect, it } from 'vitest'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { metricKeys, metricTypes } from '../../src/contract/metric-names.ts'
import { canBeByUnit } from '../../src/core/metrics/spec.ts'
import type { AbTestPlan } from '../../src/core/stage-plans.ts'
import { toV2 } from '../support/documents.ts'
import { thrownBy } from '../support/thrown.ts'

const goal = { metric: 'conversion', improve: 'increase', 'minimum-effect': '2%' }

function release(abTest: unknown): unknown {
  return { ...toV2, stages: [{ abTest }] }
}

function compiled(abTest: unknown): AbTestPlan {
  const resource = compileResource(validateResource(release(abTest)))
  const stage = resource.kind === 'Release' ? resource.plan.stages[0] : undefined
  if (stage?.kind !== 'abTest') throw new Error('an A/B test was expected')
  return stage
}

const plan: AbTestPlan = {
  kind: 'abTest',
  variants: ['v2'],
  splitPpm: { v2: 500_000 },
  goal: {
    metric: 'conversion',
    measure: { kind: 'declared', scale: 'relative' },
    margin: 0,
    alpha: 0.05,
    minEvents: 100,
    goal: { kind: 'improve', direction: 'increase', minimumEffect: 0.02 },
  },
  mode: 'sequential',
  correction: 'bonferroni',
  power: 0.8,
  threshold: null,
  floorMs: 0,
  ceilingMs: 14 * 86_400_000,
  approval: false,
}

describe('an A/B test', () => {
  it('needs a goal; everything else has the defaults that the short form shows', () => {
    expect(compiled({ split: '50%', goal, alpha: 0.05, power: 0.8, 'at-most': '14d' })).toEqual(plan)
    expect(compiled({ goal })).toEqual(plan)
  })

  it('divides a share evenly among several variants, or as it is named', () => {
    const variants = ['v2', 'v3', 'v4']
    expect(compiled({ goal, variants }).splitPpm).toEqual({ v2: 166_666, v3: 166_666, v4: 166_666 })
    const split = { v3: '30%', v2: '20%' }
    expect(compiled({ goal, variants: ['v2', 'v3'], split }).splitPpm).toEqual({ v2: 200_000, v3: 300_000 })
    expect(compiled({ goal, split: { v2: '10%' } }).splitPpm).toEqual({ v2: 100_000 })
  })

  it('by belief has a threshold in the unit of its minimum effect', () => {
    const bayesian = { goal, mode: 'bayesian' }
    expect(compiled(bayesian).threshold).toEqual({ chance: 0.95, loss: 0.002, prior: 0.02 })
    const threshold = { chance: '99%', loss: '0.1%', prior: '10%' }
    expect(compiled({ ...bayesian, threshold }).threshold).toEqual({ chance: 0.99, loss: 0.001, prior: 0.1 })
  })

  it('converts its durations and takes its words', () => {
    const test = { goal, for: '7d', 'at-most': '21d', correction: 'holm', mode: 'fixed', approval: true }
    expect(compiled(test)).toMatchObject({
      floorMs: 7 * 86_400_000,
      ceilingMs: 21 * 86_400_000,
      correction: 'holm',
      mode: 'fixed',
      approval: true,
    })
  })

  it('may ask for no harm instead of an improvement', () => {
    expect(compiled({ goal: { metric: 'conversion', 'no-worse-than': '0.5pp' } }).goal).toMatchObject({
      measure: { kind: 'declared', scale: 'absolute' },
      margin: 0.005,
      goal: { kind: 'no-worse' },
    })
  })

  it('is by unit wherever the metric takes it', () => {
    for (const type of metricTypes) {
      const takes = (metricKeys[type].takes as readonly string[]).includes('unit-level')
      expect([type, canBeByUnit({ type })]).toEqual([type, takes])
    }
  })
})

describe('an A/B test is refused for', () => {
  const at = (path: string) => `stages[0].abTest.${path}`
  const three = ['v2', 'v3']
  it.each<[rule: string, test: object, path: string, message: string]>([
    ['no goal', {}, at('goal'), 'is missing: an A/B test is to show something'],
    ['no metric', { goal: { improve: 'increase', 'minimum-effect': '2%' } }, at('goal.metric'), 'is missing'],
    ['a goal that says neither', { goal: { metric: 'm' } }, at('goal'), 'takes exactly one of no-worse-than, improve'],
    [
      'no minimum effect',
      { goal: { metric: 'm', improve: 'increase' } },
      at('goal.minimum-effect'),
      'is missing: the sample',
    ],
    [
      'an effect that no double holds',
      { goal: { ...goal, 'minimum-effect': `${'9'.repeat(400)}%` } },
      at('goal.minimum-effect'),
      'is not a margin',
    ],
    [
      'an effect of nothing',
      { goal: { ...goal, 'minimum-effect': '0.0%' } },
      at('goal.minimum-effect'),
      'must be above 0',
    ],
    ['a level of its own', { goal: { ...goal, alpha: 0.1 } }, at('goal.alpha'), 'is not a known key'],
    ['a latency', { goal: { ...goal, metric: 'latency-p99' } }, at('goal.metric'), 'a latency can be guarded'],
    ['a whole split', { goal, split: '100%' }, at('split'), 'leaves nothing to the control'],
    ['no split', { goal, split: '0%' }, at('split'), 'gives the variants nothing'],
    ['a split of others', { goal, variants: three, split: { v2: '10%', v4: '10%' } }, at('split'), 'must give a share'],
    ['a share of nothing', { goal, split: { v2: '0%' } }, at('split.v2'), 'must be above 0%'],
    [
      'shares over the whole',
      { goal, variants: three, split: { v2: '60%', v3: '40%' } },
      at('split'),
      'leaves nothing',
    ],
    ['shares of unlisted variants', { goal, split: { v2: '10%', v3: '10%' } }, at('split'), 'names several versions'],
    ['a variant twice', { goal, variants: ['v2', 'v2'] }, at('variants'), 'names a version twice'],
    ['variants without the candidate', { goal, variants: ['v3'] }, at('variants'), 'must have v2'],
    ['a threshold of no belief', { goal, threshold: {} }, at('threshold'), 'belongs to a Bayesian test'],
    [
      'a belief in no harm',
      { goal: { metric: 'm', 'no-worse-than': '1%' }, mode: 'bayesian' },
      at('goal'),
      'a Bayesian test asks which version is better',
    ],
    [
      'a loss in another unit',
      { goal, mode: 'bayesian', threshold: { loss: '0.1pp' } },
      at('threshold.loss'),
      'must be in the unit of the minimum effect',
    ],
    ['a floor above its ceiling', { goal, for: '15d' }, at('for'), 'is longer than at-most'],
    ['an unknown mode', { goal, mode: 'frequentist' }, at('mode'), 'is not one of the known words'],
  ])('%s', (_, test, path, message) => {
    const { code, problems } = thrownBy(() => validateResource(release(test)))
    expect(code).toBe('invalid-resource')
    expect(problems).toEqual([expect.objectContaining({ path, message: expect.stringContaining(message) })])
  })

  it('no goal, with what to write', () => {
    const { problems } = thrownBy(() => validateResource(release({})))
    expect(problems[0]?.allowed).toEqual(['metric: conversion', 'improve: increase', 'minimum-effect: 2%'])
  })
})
