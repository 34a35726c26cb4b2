/** What a flag must satisfy beyond the shape of its keys; every fault is told at once. */
import { isDeeper, valueDepthMax } from '../depth.ts'
import { asObject, isObject, type Loose, type Report } from '../resource-rules.ts'
import { parsePercentPpm } from '../units.ts'

export const booleanVariants = { on: true, off: false } as const

const variantsMax = 100

export function flagRule(flag: Loose, report: Report): void {
  const { type, variants, off, rules, targeting } = flag
  const names = variantNames(flag)
  if (variants === undefined && type !== 'boolean')
    report(['variants'], 'is missing: only a boolean flag has some by itself')
  if (isObject(variants)) variantsRule(variants, type, report)
  if (typeof off === 'string' && !names.includes(off)) report(['off'], 'is not one of the variants', names.join(', '))
  if (targeting !== undefined && Array.isArray(rules) && rules.length > 0)
    report(['targeting'], 'decides in place of rules; there are both', 'targeting or rules')
  servingRule(flag, [], { names, report, least: 0 })
  rulesRule(rules, names, report)
  scheduleRule(flag, names, report)
}

function variantNames({ type, variants }: Loose): string[] {
  if (isObject(variants)) return Object.keys(variants)
  return type === 'boolean' || type === undefined ? Object.keys(booleanVariants) : []
}

function variantsRule(variants: Loose, type: unknown, report: Report): void {
  const entries = Object.entries(variants)
  if (entries.length === 0) report(['variants'], 'is empty', 'at least one variant')
  if (entries.length > variantsMax) report(['variants'], `has ${entries.length} variants`, `at most ${variantsMax}`)
  for (const [name, value] of entries) {
    const isIt = type === 'object' ? typeof value === 'object' && value !== null : typeof value === type
    const isWhole = typeof value !== 'number' || Number.isFinite(value)
    if (typeof type === 'string' && !(isIt && isWhole)) report(['variants', name], `is not of the flag’s type`, type)
    if (isDeeper(value, valueDepthMax))
      report(['variants', name], 'is nested too deeply', `up to ${valueDepthMax} levels`)
  }
}

type Serving = { names: readonly string[]; report: Report; least: 0 | 1 }

/** `serve` or `rollout`, of variants that there are, 100% in all. */
function servingRule(serving: Loose, path: readonly PropertyKey[], { names, report, least }: Serving): void {
  const { serve, rollout, by } = serving
  const given = [serve, rollout].filter(one => one !== undefined).length
  if (given < least) report(path, 'takes one of serve, rollout; none is given', 'serve, rollout')
  if (given > 1) report([...path, 'rollout'], 'serve is given already', 'serve or rollout')
  if (typeof serve === 'string' && !names.includes(serve))
    report([...path, 'serve'], 'is not one of the variants', names.join(', '))
  if (by !== undefined && rollout === undefined)
    report([...path, 'by'], 'is of a rollout, and there is none', 'rollout')
  if (isObject(rollout)) rolloutRule(rollout, [...path, 'rollout'], names, report)
}

function rolloutRule(rollout: Loose, path: readonly PropertyKey[], names: readonly string[], report: Report): void {
  const entries = Object.entries(rollout)
  for (const [variant] of entries)
    if (!names.includes(variant)) report([...path, variant], 'is not one of the variants', names.join(', '))
  const shares = entries.map(([, share]) => (typeof share === 'string' ? parsePercentPpm(share) : null))
  if (shares.some(share => share === null)) return
  const sum = shares.reduce<number>((total, share) => total + (share ?? 0), 0)
  if (sum !== 1_000_000) report(path, `is ${sum / 10_000}% in all`, '100% in all')
}

function rulesRule(rules: unknown, names: readonly string[], report: Report): void {
  if (!Array.isArray(rules)) return
  const seen = new Set<unknown>()
  for (const [index, rule] of rules.entries()) {
    const { name } = asObject(rule)
    if (seen.has(name)) report(['rules', index, 'name'], 'is the name of a rule before it; choose another')
    seen.add(name)
    if (isObject(rule)) servingRule(rule, ['rules', index], { names, report, least: 1 })
  }
}

function scheduleRule({ schedule, rules }: Loose, names: readonly string[], report: Report): void {
  if (!Array.isArray(schedule)) return
  const known = Array.isArray(rules) ? rules.map(rule => asObject(rule)['name']) : []
  let before = Number.NEGATIVE_INFINITY
  for (const [index, step] of schedule.entries()) {
    if (!isObject(step)) continue
    const { at, rule, enabled } = step
    const isServing = step['serve'] !== undefined || step['rollout'] !== undefined
    if (!isServing && enabled === undefined) report(['schedule', index], 'changes nothing', 'serve, rollout, enabled')
    if (rule !== undefined && !known.includes(rule))
      report(
        ['schedule', index, 'rule'],
        'is not one of the rules',
        known.map(String).join(', ') || 'none: the flag has no rules',
      )
    if (rule !== undefined && !isServing)
      report(['schedule', index, 'rule'], 'says whose serving changes, and none does', 'serve, rollout')
    const atMs = typeof at === 'string' ? Date.parse(at) : Number.NaN
    if (atMs <= before) report(['schedule', index, 'at'], 'is not after the step before it', 'steps in order of time')
    before = Number.isNaN(atMs) ? before : atMs
    servingRule(step, ['schedule', index], { names, report, least: 0 })
  }
}

/** A segment stands by itself, so that looking one up ends. */
export function segmentRule(segment: Loose, report: Report): void {
  const { when, include } = segment
  if (!Array.isArray(when)) return
  if (when.length === 0 && Array.isArray(include) && include.length === 0)
    report([], 'has nobody in it', 'include, when')
  for (const [index, condition] of when.entries()) {
    const { any, segment: other } = asObject(condition)
    if (other !== undefined)
      report(['when', index, 'segment'], 'a segment names no other segment', 'attribute, during, from, until')
    if (!Array.isArray(any)) continue
    for (const [at, inner] of any.entries())
      if (asObject(inner)['segment'] !== undefined)
        report(
          ['when', index, 'any', at, 'segment'],
          'a segment names no other segment',
          'attribute, during, from, until',
        )
  }
}
