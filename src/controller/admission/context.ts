/** What a contextual bandit asks of the endpoint: features of the right types, rewards by row, models that are small enough. */
import { type ContextFeature, columnNames } from '../../core/bandit/context.ts'
import type { EndpointSpec } from '../../core/endpoint.ts'
import type { Problem } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { dimensionsOf } from '../../core/metrics/spec.ts'
import type { BanditPlan } from '../../core/stage-plans.ts'

export function contextProblems({ context, arms, reward }: BanditPlan, path: string, spec: EndpointSpec): Problem[] {
  if (context === undefined) return []
  const { features } = context
  return [
    ...features.flatMap((feature, index) => featureProblems(feature, `${path}.features[${index}]`, spec)),
    ...rewardProblems(reward, path),
    ...sizeProblems(columnNames(features).length, arms.length, path),
  ]
}

function featureProblems(
  { name, categories }: ContextFeature,
  path: string,
  { features = {} }: EndpointSpec,
): Problem[] {
  const declared = Object.hasOwn(features, name) ? features[name] : undefined
  if (declared === undefined)
    return [
      {
        path: `${path}.name`,
        message: 'the endpoint declares no such feature',
        value: name,
        allowed: Object.keys(features),
      },
    ]
  if (declared.type === 'number' && categories !== null)
    return [{ path: `${path}.categories`, message: `${name} is a number; declare it with type: category` }]
  if (declared.type === 'category' && categories === null)
    return [{ path, message: `${name} is a category: name those that count for themselves`, value: 'categories' }]
  return []
}

function rewardProblems({ metric, spec }: BanditPlan['reward'], path: string): Problem[] {
  if (spec === null || (spec.unitLevel !== true && dimensionsOf(spec) === 1)) return []
  const message = 'is not one number of each row, which a choice by features learns from'
  return [{ path: `${path}.reward.metric`, message, value: metric }]
}

function sizeProblems(columns: number, arms: number, path: string): Problem[] {
  const most = limits.contextColumnsMax
  if (columns > most)
    return [
      { path: `${path}.features`, message: `become ${columns} columns, at most ${most}: a number two, a category one` },
    ]
  const numbers = (arms * (columns + 1) * (columns + 2)) / 2
  if (numbers <= limits.contextNumbersMax) return []
  const message = `the models of ${arms} arms with ${columns} columns have ${numbers} numbers; at most ${limits.contextNumbersMax}`
  return [{ path: `${path}.features`, message: `${message}: name fewer features, categories or arms` }]
}
