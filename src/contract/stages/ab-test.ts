/** The A/B test as people write it. */
import { z } from 'zod'
import { stageGoal } from '../resource-checks.ts'
import { duration, lasting, margin, name, object, percent } from '../resource-parts.ts'
import { allowedMark, asObject, durationsRule, isObject, type Loose, type Report, withRule } from '../resource-rules.ts'
import { parsePercentPpm } from '../units.ts'

/** What a Bayesian test goes by that names no threshold. */
export const defaultChance = '95%'

const threshold = object({
  chance: percent.default(defaultChance).meta({ description: 'The chance to be better that a variant needs to ship.' }),
  loss: margin
    .optional()
    .meta({ description: 'What choosing it may lose on average; by default a tenth of the minimum effect.' }),
  prior: margin.optional().meta({
    description: 'Standard deviation of the effects that are expected before any data; by default the minimum effect.',
  }),
})

const needsGoal = `is missing: an A/B test is to show something${allowedMark}metric: conversion, improve: increase, minimum-effect: 2%`

const abTestShape = object({
  variants: z.array(name).min(1).max(20).optional().meta({
    description: 'Versions beside the stable one, which is the control; the candidate alone by default.',
  }),
  split: z
    .union([percent, z.record(name, percent)])
    .default('50%')
    .meta({
      description: 'The share of all variants together, evenly, or of each by name; the control gets the rest.',
    }),
  goal: stageGoal(needsGoal).meta({
    description: 'The hypothesis. A metric that can be analysed by unit is, unless it says `unit-level: false`.',
  }),
  alpha: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.05)
    .meta({ description: 'Chance to ship a variant that is not better, over all variants together; one-sided.' }),
  power: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.8)
    .meta({ description: 'Chance to find the minimum effect, by which the sample is planned.' }),
  mode: z.enum(['sequential', 'fixed', 'bayesian']).default('sequential').meta({
    description: 'Valid at every look; one look at the planned sample; or by expected loss.',
  }),
  correction: z
    .enum(['bonferroni', 'holm'])
    .default('bonferroni')
    .meta({ description: 'How several variants share alpha.' }),
  threshold: threshold.optional().meta({ description: 'Of a Bayesian test, in the unit of the minimum effect.' }),
  for: duration.default('0s').meta({ description: 'Nothing is shipped or kept before; whole weeks see every day.' }),
  'at-most': lasting.default('14d').meta({ description: 'What is not shown by then is not shown.' }),
  approval: z.boolean().default(false).meta({ description: 'Wait for `approve` before the winner goes on.' }),
})

export const abTestStage = withRule(abTestShape, abTestRule).meta({
  id: 'ABTest',
  description: 'Variants against the stable version at weights that stay, until one is shown to be better or none is.',
})

function abTestRule(test: Loose, report: Report): void {
  const goal = test['goal']
  if (isObject(goal)) hypothesisRule(test, goal, report)
  if (isObject(goal) && typeof goal['metric'] === 'string' && goal['metric'].startsWith('latency-'))
    report(['goal', 'metric'], 'a latency can be guarded, not be a goal', 'error-rate or a metric of the endpoint')
  if (test['threshold'] !== undefined && test['mode'] !== 'bayesian')
    report(['threshold'], 'belongs to a Bayesian test', 'mode: bayesian')
  thresholdRule(asObject(test['threshold']), asObject(goal)['minimum-effect'], report)
  splitRule(test, report)
  durationsRule({ path: [], floor: test['for'], ceiling: test['at-most'] }, report)
}

function hypothesisRule(test: Loose, goal: Loose, report: Report): void {
  if (goal['improve'] !== undefined && goal['minimum-effect'] === undefined)
    report(['goal', 'minimum-effect'], 'is missing: the sample is planned by the effect that matters', '2%, 0.5pp')
  if (/^0+(\.0+)?(pp|%)?$/.test(String(goal['minimum-effect'])))
    report(['goal', 'minimum-effect'], 'must be above 0: no sample shows an effect of nothing', '2%, 0.5pp')
  if (test['mode'] === 'bayesian' && goal['improve'] === undefined)
    report(['goal'], 'a Bayesian test asks which version is better: it needs improve', 'improve')
}

/** Loss, prior and minimum effect are sizes of one thing. */
function thresholdRule(threshold: Loose, effect: unknown, report: Report): void {
  const unitOf = (size: unknown) => /(pp|%)?$/.exec(String(size))?.[0] ?? ''
  for (const key of ['loss', 'prior']) {
    const size = threshold[key]
    if (size === undefined) continue
    if (Number.parseFloat(String(size)) === 0) report(['threshold', key], 'must be above 0', String(effect))
    if (effect === undefined || unitOf(size) === unitOf(effect)) continue
    report(['threshold', key], 'must be in the unit of the minimum effect', `such as ${effect}`)
  }
}

const wholePpm = 1_000_000

/** Shares are of the variants, and leave something to the control. */
function splitRule(test: Loose, report: Report): void {
  const { split } = test
  const variants = Array.isArray(test['variants']) ? test['variants'] : null
  if (variants !== null && new Set(variants).size < variants.length) report(['variants'], 'names a version twice')
  if (typeof split === 'string') {
    const ppm = parsePercentPpm(split)
    if (ppm !== null) shareRule({ path: ['split'], ppm, versions: variants?.length ?? 1 }, report)
    return
  }
  const shares = Object.entries(asObject(split))
  if (!isObject(split)) return
  const named = shares.map(([version]) => version)
  if (variants === null && named.length !== 1)
    report(['split'], 'names several versions: list them under `variants`', `variants: [${named.join(', ')}]`)
  if (variants !== null && (named.length !== variants.length || !variants.every(version => named.includes(version))))
    report(['split'], 'must give a share to each variant and to no other version', variants.join(', '))
  const ppms = shares.map(([, share]) => (typeof share === 'string' ? parsePercentPpm(share) : null))
  for (const [index, ppm] of ppms.entries())
    if (ppm === 0) report(['split', named[index] ?? ''], 'must be above 0%', 'above 0%')
  const total = ppms.reduce((sum: number, ppm) => sum + (ppm ?? 0), 0)
  if (total > 0) shareRule({ path: ['split'], ppm: total, versions: 1 }, report)
}

function shareRule(share: { path: readonly string[]; ppm: number; versions: number }, report: Report): void {
  if (share.ppm >= wholePpm) report(share.path, 'leaves nothing to the control', 'below 100%')
  else if (share.ppm < share.versions) report(share.path, 'gives the variants nothing', 'above 0%')
}
