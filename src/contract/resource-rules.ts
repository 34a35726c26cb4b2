/**
 * What a resource must satisfy beyond the shape of its keys. Each rule looks at the smallest part that it needs and
 * runs even where a neighbour is wrong, so that a person reads every fault at once. Values may therefore be of any type.
 */
import type { z } from 'zod'
import { jsonPointerPattern } from './json-pointer.ts'
import {
  builtinMetricNames,
  errorRateName,
  errorSource,
  errorTypes,
  isReservedMetricName,
  latencyQuantileOf,
  type MetricTypeName,
  metricKeys,
  rankingTypes,
  scoreTypes,
  valueTypes,
} from './metric-names.ts'
import { parseDurationMs, percentPattern, pointsPattern } from './units.ts'

/** Separates a message from the list of what is allowed; `toProblems` splits there. */
export const allowedMark = '; allowed: '

export type Loose = Readonly<Record<string, unknown>>
export type Report = (path: readonly PropertyKey[], message: string, allowed?: string) => void

/** Adds a rule to an object's schema that runs whatever else is wrong in it. */
export function withRule<Schema extends z.ZodType>(schema: Schema, rule: (value: Loose, report: Report) => void) {
  return schema.superRefine(
    (value, context) => {
      const report: Report = (path, message, allowed) => {
        const listed = allowed === undefined ? message : `${message}${allowedMark}${allowed}`
        context.addIssue({ code: 'custom', path: [...path], message: listed })
      }
      rule(value as Loose, report)
    },
    { when: payload => isObject(payload.value) },
  )
}

export function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function asObject(value: unknown): Loose {
  return isObject(value) ? value : {}
}

/** Exactly one of the keys is there. */
export function exactlyOne(value: Loose, keys: readonly string[], report: Report): void {
  const present = keys.filter(key => value[key] !== undefined)
  if (present.length === 1) return
  const found = present.length === 0 ? 'none is given' : `${present.join(' and ')} are given`
  report([], `takes exactly one of ${keys.join(', ')}; ${found}`, keys.join(', '))
}

const maxWaitMs = 1_000

/** `max-wait` is a part of batching, and bounded: it is added to what every caller waits. */
export function batchRule(onnx: Loose, report: Report): void {
  const wait = onnx['max-wait']
  if (wait === undefined) return
  if (onnx['max-batch'] === undefined) report(['max-wait'], 'needs max-batch: nothing waits without it', 'max-batch')
  const waitMs = typeof wait === 'string' ? parseDurationMs(wait) : null
  if (waitMs !== null && waitMs > maxWaitMs) report(['max-wait'], 'is longer than 1s', 'up to 1s')
}

const keysOfBackend = {
  onnx: ['instances'],
  command: ['instances', 'cwd', 'env', 'ready'],
  url: ['ready', 'headers', 'tls', 'pipelining', 'connections'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export function versionRule(version: Loose, report: Report): void {
  exactlyOne(version, ['onnx', 'command', 'url'], report)
  for (const [kind, takes] of Object.entries(keysOfBackend)) {
    if (version[kind] === undefined) continue
    for (const key of ['cwd', 'env', 'ready', 'headers', 'tls', 'pipelining', 'connections']) {
      if (version[key] === undefined || (takes as readonly string[]).includes(key)) continue
      report([key], `${kind} takes no ${key}`, [kind, ...takes].join(', '))
    }
  }
  if (version['url'] !== undefined && version['instances'] !== 1 && typeof version['instances'] === 'number') {
    report(['instances'], 'url takes no instances: there are as many as addresses', 'url, ready, headers')
  }
  commandRule(version, report)
  upstreamTlsRule(version, report)
}

function upstreamTlsRule({ url, tls }: Loose, report: Report): void {
  if (!isObject(tls) || url === undefined) return
  if ([url].flat().some(address => typeof address === 'string' && !address.startsWith('https:')))
    report(['tls'], 'is of https addresses: these are not', 'https://host:port')
  if ((tls['cert'] === undefined) !== (tls['key'] === undefined))
    report(
      ['tls', tls['cert'] === undefined ? 'cert' : 'key'],
      'is missing: a certificate is shown with its key',
      'both',
    )
  if (tls['insecure'] === true && tls['ca'] !== undefined)
    report(['tls', 'insecure'], 'believes whoever answers, so that ca says nothing', 'one of them')
}

function commandRule(version: Loose, report: Report): void {
  const { command, env } = version
  if (!Array.isArray(command)) return
  const words = [...command, ...Object.values(asObject(env))]
  if (words.some(word => typeof word === 'string' && word.includes('{port}'))) return
  report(
    ['command'],
    'the command is not told its port: put {port} into one of its words or into env',
    '--port {port} as words, PORT: "{port}" under env',
  )
}

/** Where an external metric comes from: exactly one system. */
export function externalRule(external: Loose, report: Report): void {
  exactlyOne(external, ['prometheus', 'http'], report)
}

export function unitRule(unit: Loose, report: Report): void {
  exactlyOne(unit, ['header', 'cookie', 'pointer'], report)
}

const versionsMax = 100
const checksMax = 50
const webhooksMax = 20
const featuresMax = 30

/** A version that is larger than what can run could never be released. */
function capacityRule(endpoint: Loose, report: Report): void {
  const capacity = asObject(endpoint['capacity'])['instances']
  if (typeof capacity !== 'number') return
  for (const [name, version] of Object.entries(asObject(endpoint['versions']))) {
    const instances = asObject(version)['instances']
    if (typeof instances !== 'number' || instances <= capacity) continue
    report(['versions', name, 'instances'], `is more than the capacity of ${capacity}`, `up to ${capacity}`)
  }
}

/** A rule sends to a version that there is. */
function rulesRule({ rules, versions }: Loose, report: Report): void {
  if (!Array.isArray(rules)) return
  const known = Object.keys(asObject(versions))
  for (const [index, rule] of rules.entries()) {
    const { version } = asObject(rule)
    if (typeof version === 'string' && !known.includes(version))
      report(['rules', index, 'version'], 'is not one of the versions', known.join(', '))
  }
}

export function endpointRule(endpoint: Loose, report: Report): void {
  rulesRule(endpoint, report)
  for (const name of Object.keys(asObject(endpoint['external']))) {
    if (isReservedMetricName(name)) report(['external', name], 'is measured by Cutover itself; choose another name')
    if (asObject(endpoint['metrics'])[name] !== undefined) report(['external', name], 'is one of `metrics` already')
  }
  const versions = Object.keys(asObject(endpoint['versions']))
  const stable = endpoint['stable']
  if (isObject(endpoint['versions']) && versions.length === 0) report(['versions'], 'needs at least one version')
  const webhooks = Object.keys(asObject(endpoint['webhooks'])).length
  if (webhooks > webhooksMax) report(['webhooks'], `has ${webhooks} webhooks`, `at most ${webhooksMax}`)
  if (versions.length > versionsMax) report(['versions'], `has ${versions.length} versions`, `at most ${versionsMax}`)
  capacityRule(endpoint, report)
  if (typeof stable === 'string' && versions.length > 0 && !versions.includes(stable)) {
    report(['stable'], 'is not one of the versions', versions.join(', '))
  }
  for (const [name, metric] of Object.entries(asObject(endpoint['metrics']))) {
    declaredRule({ name, type: asObject(metric)['type'], prediction: endpoint['prediction'] }, report)
  }
  predictionRule(endpoint, report)
  watchingRule(endpoint, report)
}

/** A pointer that leads nowhere, whatever the answer, would leave every prediction without a value. */
function predictionRule({ prediction, protocol }: Loose, report: Report): void {
  const isTensor = protocol === undefined || protocol === 'open-inference'
  const isPointer = protocol === 'http' || protocol === 'openai' || protocol === 'tensorflow-serving'
  for (const key of ['output', 'scores']) {
    const place = asObject(prediction)[key]
    if (typeof place !== 'string') continue
    const at = ['prediction', key]
    if (isTensor && place === '') report(at, 'is the name of an output tensor, and none is called so', 'label')
    if (!isPointer || place === '' || jsonPointerPattern.test(place)) continue
    if (place.startsWith('/')) report(at, 'is no JSON pointer: ~ is written ~0 there', place.replaceAll('~', '~0'))
    else report(at, 'is a JSON pointer into the answer, which begins with a slash', `/${place}`)
  }
}

/** Features are read from bodies that are kept, and what is watched must be there. */
function watchingRule(endpoint: Loose, report: Report): void {
  const { features, drift, monitor, prediction, protocol } = endpoint
  const declared = Object.entries(asObject(features))
  if (declared.length > featuresMax) report(['features'], `has ${declared.length} features`, `at most ${featuresMax}`)
  if (declared.length > 0 && endpoint['payload-sample'] === '0%')
    report(['payload-sample'], 'features are read from bodies that are kept; at 0% none is', 'above 0%')
  for (const [name, feature] of declared) {
    if (protocol !== 'open-inference' && asObject(feature)['input'] !== undefined)
      report(['features', name, 'input'], 'tensors are of the protocol open-inference; use a pointer', 'pointer')
  }
  if (isObject(drift) && declared.length === 0 && !isObject(prediction))
    report(['drift'], 'there is nothing to look at: declare features, or under `prediction` where the answer is')
  if (asObject(monitor)['accuracy'] !== undefined && !isObject(prediction))
    report(['monitor', 'accuracy'], 'compares the predicted value with the label: say under `prediction` where it is')
}

export function featureRule(feature: Loose, report: Report): void {
  exactlyOne(feature, ['pointer', 'input'], report)
  const { input, index, type } = feature
  if (index !== undefined && input === undefined) report(['index'], 'is of a tensor: it needs input', 'input')
  if (input !== undefined && index === undefined && type === 'category')
    report(['index'], 'a category is one element of the tensor: say which; the mean of a row is a number', '0, 1, 2')
}

const limitsOf = [...builtinMetricNames, 'accuracy']

export function monitorRule(monitor: Loose, report: Report): void {
  const { max } = asObject(monitor['error-rate'])
  if (max === '0%' || max === '100%')
    report(['error-rate', 'max'], 'can never be kept, or always', 'above 0% and below 100%')
  if (limitsOf.some(known => monitor[known] !== undefined)) return
  report([], 'sets no limit', limitsOf.join(', '))
}

/** A metric of labels needs to know what was predicted. */
function declaredRule(input: { name: string; type: unknown; prediction: unknown }, report: Report): void {
  const { name, type, prediction } = input
  if (isReservedMetricName(name)) report(['metrics', name], 'is measured without declaring it; choose another name')
  if (typeof type !== 'string' || valueTypes.includes(type)) return
  if (!isObject(prediction)) {
    report(
      ['metrics', name],
      `${type} compares the predicted value with the label: say under \`prediction\` where the answer holds it`,
    )
    return
  }
  const { read, scores } = prediction
  if (scoreTypes.includes(type) && read !== 'argmax' && scores === undefined)
    report(['prediction', 'scores'], `${type} needs the scores of the classes: say where the answer holds them`)
  if (rankingTypes.includes(type) !== (read === 'ranking') && !scoreTypes.includes(type))
    report(['prediction', 'read'], `${type} needs ${rankingTypes.includes(type) ? 'a ranking' : 'a value or argmax'}`)
}

/** Every type has its keys. */
export function metricRule(metric: Loose, report: Report): void {
  const type = metric['type']
  if (typeof type !== 'string' || !Object.hasOwn(metricKeys, type)) return
  const { needs, takes } = metricKeys[type as MetricTypeName]
  const known: readonly string[] = ['type', ...needs, ...takes]
  for (const key of needs) if (metric[key] === undefined) report([key], `${type} needs ${key}`, known.join(', '))
  for (const key of Object.keys(metric))
    if (metric[key] !== undefined && !known.includes(key)) report([key], `${type} takes no ${key}`, known.join(', '))
  if ((metric['of'] === errorSource || metric['per'] === errorSource) && !errorTypes.includes(type))
    report([metric['of'] === errorSource ? 'of' : 'per'], `${type} takes no ${errorSource}`, errorTypes.join(', '))
  if (metric['covariate'] !== undefined && metric['unit-level'] !== true)
    report(['covariate'], 'a covariate is of units: it needs unit-level', 'unit-level: true')
}

/** A goal is a non-inferiority or an improvement. */
export function goalRule(goal: Loose, report: Report): void {
  exactlyOne(goal, ['no-worse-than', 'improve'], report)
  if (goal['minimum-effect'] !== undefined && goal['improve'] === undefined)
    report(['minimum-effect'], 'belongs to an improvement', 'improve')
}

export function goalsRule(goals: Loose, report: Report): void {
  const count = Object.keys(goals).length
  if (count > checksMax) report([], `has ${count} goals`, `at most ${checksMax}`)
  for (const name of Object.keys(goals)) {
    if (!name.startsWith('latency-')) continue
    report([name], 'a latency can be guarded, not be a goal', 'error-rate or a metric of the endpoint')
  }
}

export function stageRule(stage: Loose, report: Report): void {
  const kinds = Object.keys(stage).filter(kind => stage[kind] !== undefined && kind !== 'flag')
  if (kinds.length !== 1) report([], `a stage names exactly one strategy; found ${kinds.join(', ') || 'none'}`)
}

/** A margin against the stable version, or a bound that an external metric keeps by itself. */
export function checkRule(check: Loose, report: Report): void {
  exactlyOne(check, ['margin', 'max', 'min'], report)
}

/** Names that can be measured, and margins in the unit of their measure. */
export function checksRule(checks: Loose, report: Report): void {
  const count = Object.keys(checks).length
  if (count > checksMax) report([], `has ${count} checks`, `at most ${checksMax}`)
  for (const [name, check] of Object.entries(checks)) {
    const isLatency = latencyQuantileOf(name) !== null
    if (name.startsWith('latency-') && !isLatency) {
      report([name], 'no such latency quantile', builtinMetricNames.filter(known => known !== 'error-rate').join(', '))
      continue
    }
    const { margin, max, min } = asObject(check)
    if ((isLatency || name === errorRateName) && (max !== undefined || min !== undefined))
      report(
        [name, max === undefined ? 'min' : 'max'],
        'a bound is of external metrics; this one is compared',
        'margin',
      )
    if (typeof margin !== 'string' || !marginPattern.test(margin)) continue
    if (isLatency && !percentPattern.test(margin)) {
      report([name, 'margin'], 'the margin of a latency is a relative increase', 'a percentage such as 20%')
    }
    if (name === errorRateName && !pointsPattern.test(margin)) {
      report([name, 'margin'], 'the margin of a rate is a difference in percentage points', 'such as 0.5pp')
    }
  }
}

/** What is none is refused by its shape already. */
const marginPattern = /^\d+(\.\d+)?(pp|%)?$/

/** One metric holds a release back in one role only; a goal may be guarded as well. */
export function releaseRule(release: Loose, report: Report): void {
  const { confirm } = release
  const places = Array.isArray(confirm) ? confirm.map(gate => asObject(gate)['before']) : []
  const twice = places.findIndex((place, index) => places.indexOf(place) !== index)
  if (twice >= 0) report(['confirm', twice, 'before'], 'has a gate already', 'start, promotion, each once')
  const guardrails = asObject(release['guardrails'])
  for (const name of Object.keys(asObject(release['signals']))) {
    if (guardrails[name] !== undefined) report(['signals', name], 'is a guardrail already; name it once')
  }
  groupRule(release, report)
  if (Array.isArray(release['stages'])) replacementsRule(release, release['stages'].map(asObject), report)
  const stages = Array.isArray(release['stages']) ? release['stages'] : []
  for (const [index, stage] of stages.entries()) variantsRule({ release, stage, index }, report)
}

/** The endpoints of a group are several, this one among them; who waits in a line cannot begin with others. */
function groupRule(release: Loose, report: Report): void {
  const endpoints = asObject(release['group'])['endpoints']
  if (!Array.isArray(endpoints)) return
  if (new Set(endpoints).size < endpoints.length) report(['group', 'endpoints'], 'names an endpoint twice')
  if (!endpoints.includes(release['endpoint']))
    report(['group', 'endpoints'], `lacks ${release['endpoint']}, the endpoint of this release`)
  const conflict = release['on-conflict']
  if (conflict === 'queue' || conflict === 'replace')
    report(['on-conflict'], 'a release of a group starts with the others or not at all', 'refuse')
}

/** What replaces the fleet leaves nothing to compare, so that nothing can come after it. */
function replacementsRule(release: Loose, stages: readonly Loose[], report: Report): void {
  for (const [index, stage] of stages.entries()) {
    const kind = ['recreate', 'rolling'].find(one => stage[one] !== undefined)
    const isLast = index === stages.length - 1
    if (kind === undefined) continue
    if (!isLast) report(['stages', index, kind], `${kind} replaces the old version: only as the last stage`)
    if (kind === 'recreate' && isLast) recreateRule(release, report)
  }
}

/** Nobody serves between its start and its promotion: neither evidence nor a person is waited for there. */
function recreateRule(release: Loose, report: Report): void {
  if (Object.keys(asObject(release['goals'])).length > 0)
    report(['goals'], 'recreate compares nothing, so that no goal can be shown before it promotes', 'rolling, canary')
  const gates = Array.isArray(release['confirm']) ? release['confirm'].map(asObject) : []
  for (const [index, { before }] of gates.entries()) {
    if (before !== 'promotion') continue
    report(
      ['confirm', index, 'before'],
      'nobody would serve while a recreation waits for a yes: ask before it',
      'start',
    )
  }
}

/** The release's own candidate takes part in its tests. */
function variantsRule(
  { release, stage, index }: { release: Loose; stage: unknown; index: number },
  report: Report,
): void {
  const variants = asObject(asObject(stage)['abTest'])['variants']
  const { to } = release
  if (!Array.isArray(variants) || typeof to !== 'string' || variants.includes(to)) return
  report(['stages', index, 'abTest', 'variants'], `must have ${to}, the candidate of the release, among them`)
}

/** A floor of time is no longer than its ceiling. */
export function durationsRule(
  at: { path: readonly PropertyKey[]; floor: unknown; ceiling: unknown },
  report: Report,
): void {
  if (typeof at.floor !== 'string' || typeof at.ceiling !== 'string') return
  const [floorMs, ceilingMs] = [parseDurationMs(at.floor), parseDurationMs(at.ceiling)]
  if (floorMs === null || ceilingMs === null || floorMs <= ceilingMs) return
  report([...at.path, 'for'], `is longer than at-most, which is ${at.ceiling}`, `up to ${at.ceiling}`)
}
