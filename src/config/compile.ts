/** From a document that people wrote to the core's own types: units converted, exactly-one rules held, all faults at once. */
import { toProblems, writePath } from '../contract/problems.ts'
import { type EndpointResource, type ReleaseResource, resourceSchema } from '../contract/resources.ts'
import { parseDurationMs, parsePercentFraction, parsePercentPpm, parsePointsFraction } from '../contract/units.ts'
import type {
  AnswerRule,
  Backend,
  EndpointSpec,
  MetricSpec,
  ReadyCheck,
  UnitSource,
  VersionSpec,
} from '../core/endpoint.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import {
  availableStageKinds,
  type CanaryPlan,
  type CanaryStep,
  type Measure,
  type MetricCheck,
  type ReleasePlan,
  type StagePlan,
  stageKinds,
} from '../core/plan.ts'

export type CompiledRelease = Omit<ReleasePlan, 'from' | 'planVersion'>

export type Compiled = { kind: 'Endpoint'; spec: EndpointSpec } | { kind: 'Release'; plan: CompiledRelease }

/** Throws 'invalid-resource' with every fault found, or 'not-available-yet' for what is planned and not built. */
export function compileResource(document: unknown): Compiled {
  const parsed = resourceSchema.safeParse(document)
  if (!parsed.success) throw refusal(nameOf(document), toProblems(parsed.error, document))
  const faults = new Faults()
  const resource = parsed.data
  const compiled: Compiled =
    resource.kind === 'Endpoint'
      ? { kind: 'Endpoint', spec: compileEndpoint(resource, faults) }
      : { kind: 'Release', plan: compileRelease(resource, faults) }
  faults.throwIfAny(nameOf(document))
  return compiled
}

/** Collects faults, so that a person mends them in one go. */
class Faults {
  readonly invalid: Problem[] = []
  readonly unavailable: Problem[] = []

  throwIfAny(name: string): void {
    if (this.invalid.length > 0) throw refusal(name, this.invalid)
    const [first] = this.unavailable
    if (first !== undefined)
      throw new CutoverError('not-available-yet', `${name}: ${first.path}: ${first.message}`, this.unavailable)
  }
}

function refusal(name: string, problems: readonly Problem[]): CutoverError {
  const words = problems.map(one => (one.path === '' ? one.message : `${one.path}: ${one.message}`)).join('; ')
  return new CutoverError('invalid-resource', `${name} is not valid: ${words}`, problems)
}

function nameOf(document: unknown): string {
  if (typeof document !== 'object' || document === null) return 'the document'
  const { kind, name, endpoint } = document as Record<string, unknown>
  return typeof kind === 'string'
    ? [kind, name ?? endpoint].filter(part => typeof part === 'string').join(' ')
    : 'the document'
}

function compileEndpoint(resource: EndpointResource, faults: Faults): EndpointSpec {
  const versions = Object.fromEntries(
    Object.entries(resource.versions).map(([name, version]) => [name, compileVersion(name, version, faults)]),
  )
  if (resource.versions[resource.stable] === undefined) {
    faults.invalid.push({
      path: 'stable',
      message: 'not one of the versions',
      value: resource.stable,
      allowed: Object.keys(resource.versions),
    })
  }
  return {
    name: resource.name,
    protocol: resource.protocol,
    unit: compileUnit(resource, faults),
    stable: resource.stable,
    versions,
    allowPin: resource['allow-pin'],
    answer: compileAnswer(resource, faults),
    metrics: compileMetrics(resource, faults),
    timeouts: {
      connectMs: durationMs(resource.timeouts.connect),
      firstByteMs: durationMs(resource.timeouts['first-byte']),
      idleMs: durationMs(resource.timeouts.idle),
    },
    bodyBytesMax: resource['body-limit'],
    payloadSamplePpm: parsePercentPpm(resource['payload-sample']) ?? 0,
  }
}

type VersionResource = EndpointResource['versions'][string]

function compileVersion(name: string, version: VersionResource, faults: Faults): VersionSpec {
  const path = `versions.${name}`
  const given = (['onnx', 'command', 'url'] as const).filter(kind => version[kind] !== undefined)
  if (given.length !== 1)
    faults.invalid.push({
      path,
      message: `exactly one backend is needed, ${given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`}`,
      allowed: ['onnx', 'command', 'url'],
    })
  if (version.command === undefined) {
    for (const key of ['cwd', 'env'] as const)
      if (version[key] !== undefined)
        faults.invalid.push({ path: `${path}.${key}`, message: `${key} belongs to a command`, value: version[key] })
  }
  return { name, backend: compileBackend(path, version, faults), instances: version.instances }
}

function compileBackend(path: string, version: VersionResource, faults: Faults): Backend {
  const ready = compileReady(version.ready)
  if (version.command !== undefined) {
    const takesPort = version.command.some(word => word.includes('{port}')) || version.env?.['PORT'] === undefined
    if (!takesPort)
      faults.invalid.push({
        path: `${path}.command`,
        message: 'the command must be told its port: put {port} into a word, or let it read the variable PORT',
        value: version.command,
      })
    return { kind: 'command', argv: version.command, cwd: version.cwd ?? '.', env: version.env ?? {}, ready }
  }
  if (version.url !== undefined) {
    const addresses = typeof version.url === 'string' ? [version.url] : version.url
    if (version.instances !== 1)
      faults.invalid.push({
        path: `${path}.instances`,
        message: 'a url version has as many instances as addresses',
        value: version.instances,
      })
    for (const address of addresses) {
      const { pathname, search } = new URL(address)
      if (pathname !== '/' || search !== '')
        faults.invalid.push({
          path: `${path}.url`,
          message: 'a base address has no path',
          value: address,
          allowed: [new URL(address).origin],
        })
    }
    return { kind: 'url', addresses, ready }
  }
  return { kind: 'onnx', path: version.onnx ?? '' }
}

function compileReady(ready: VersionResource['ready']): ReadyCheck {
  return {
    path: ready?.path ?? '/v2/health/ready',
    timeoutMs: ready === undefined ? limits.readyTimeoutMs : durationMs(ready.timeout),
    unknownIsReady: ready?.path === undefined,
  }
}

function compileUnit(resource: EndpointResource, faults: Faults): UnitSource {
  const { unit } = resource
  if (unit === undefined) return { from: 'header', name: 'x-cutover-unit' }
  const given = Object.keys(unit)
  if (given.length !== 1)
    faults.invalid.push({
      path: 'unit',
      message: `exactly one place is needed, ${given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`}`,
      allowed: ['header', 'cookie', 'pointer'],
    })
  if (unit.cookie !== undefined) return { from: 'cookie', name: unit.cookie }
  if (unit.pointer !== undefined) return { from: 'body', pointer: unit.pointer }
  return { from: 'header', name: (unit.header ?? '').toLowerCase() }
}

function compileAnswer(resource: EndpointResource, faults: Faults): AnswerRule | null {
  const { prediction, protocol } = resource
  if (prediction === undefined) return null
  if (protocol === 'http' && prediction.output !== '' && !prediction.output.startsWith('/')) {
    faults.invalid.push({
      path: 'prediction.output',
      message: 'with protocol http this is a JSON pointer into the answer',
      value: prediction.output,
      allowed: ['such as /label'],
    })
  }
  return { output: prediction.output, read: prediction.read }
}

const plannedMetricTypes = [
  'count',
  'rate',
  'mean',
  'ratio',
  'quantile',
  'precision',
  'recall',
  'f1',
  'auc',
  'log-loss',
  'brier',
  'mae',
  'rmse',
  'r2',
  'mape',
  'ndcg',
  'mrr',
  'agreement',
  'expression',
]

function compileMetrics(resource: EndpointResource, faults: Faults): Record<string, MetricSpec> {
  for (const [name, metric] of Object.entries(resource.metrics)) {
    const path = `metrics.${name}`
    if (measureByName(name) !== null)
      faults.invalid.push({ path, message: 'this name is a metric that every endpoint has', value: name })
    if (plannedMetricTypes.includes(metric.type))
      faults.unavailable.push({
        path: `${path}.type`,
        message: `metric type ${metric.type} is not available yet`,
        value: metric.type,
        allowed: ['accuracy'],
      })
    else if (metric.type !== 'accuracy')
      faults.invalid.push({
        path: `${path}.type`,
        message: 'unknown metric type',
        value: metric.type,
        allowed: ['accuracy'],
      })
    if (metric.type === 'accuracy' && resource.prediction === undefined)
      faults.invalid.push({
        path,
        message:
          'accuracy compares the predicted value with the label: say with `prediction` where it is in the answer',
      })
  }
  return Object.fromEntries(Object.keys(resource.metrics).map(name => [name, { type: 'accuracy' as const }]))
}

function compileRelease(resource: ReleaseResource, faults: Faults): CompiledRelease {
  if (resource['on-conflict'] !== 'refuse') {
    faults.unavailable.push({
      path: 'on-conflict',
      message: `${resource['on-conflict']} is not available yet`,
      value: resource['on-conflict'],
      allowed: ['refuse'],
    })
  }
  const guardrails = compileChecks('guardrails', resource.guardrails, faults)
  return {
    endpoint: resource.endpoint,
    to: resource.to,
    stages: resource.stages.map((stage, index) => compileStage(`stages[${index}]`, stage, faults)),
    guardrails: guardrails.length === 0 ? [defaultGuardrail] : guardrails,
    signals: compileChecks('signals', resource.signals, faults),
    onFail: resource['on-fail'],
    probationMs: durationMs(resource.probation),
    sampleRatioAlpha: 0.001,
    readyTimeoutMs: durationMs(resource['ready-timeout']),
    drainMs: durationMs(resource.drain),
  }
}

/** No release goes unguarded. */
const defaultGuardrail: MetricCheck = {
  metric: 'error-rate',
  measure: { kind: 'error-rate' },
  margin: 0.01,
  alpha: 0.01,
  minEvents: 100,
}

function compileChecks(path: string, checks: ReleaseResource['guardrails'], faults: Faults): MetricCheck[] {
  return Object.entries(checks).map(([metric, check]) => {
    const measure: Measure = measureByName(metric) ?? { kind: 'accuracy' }
    const isLatency = measure.kind === 'latency'
    const margin = isLatency ? parsePercentFraction(check.margin) : parsePointsFraction(check.margin)
    if (margin === null) {
      const message = isLatency
        ? 'a latency margin is a relative increase'
        : 'the margin of a rate is a difference in percentage points'
      faults.invalid.push({
        path: `${path}.${metric}.margin`,
        message,
        value: check.margin,
        allowed: [isLatency ? 'such as 20%' : 'such as 0.5pp'],
      })
    } else if (!isLatency && margin >= 1) {
      faults.invalid.push({
        path: `${path}.${metric}.margin`,
        message: 'a margin of 100 points or more allows everything',
        value: check.margin,
        allowed: ['below 100pp'],
      })
    }
    return { metric, measure, margin: margin ?? 0, alpha: check.alpha, minEvents: check['min-events'] }
  })
}

/** The metrics that every endpoint has. */
function measureByName(name: string): Measure | null {
  if (name === 'error-rate') return { kind: 'error-rate' }
  const percentile = /^latency-p(50|90|95|99|99\.9)$/.exec(name)?.[1]
  return percentile === undefined ? null : { kind: 'latency', quantile: Number(percentile) / 100 }
}

type StageResource = ReleaseResource['stages'][number]

function compileStage(path: string, stage: StageResource, faults: Faults): StagePlan {
  const kind = stageKinds.find(one => one in stage) ?? 'canary'
  if (kind === 'canary') return compileCanary(`${path}.canary`, stage.canary, faults)
  faults.unavailable.push({
    path: `${path}.${kind}`,
    message: `the strategy ${kind} is not available yet`,
    value: kind,
    allowed: availableStageKinds,
  })
  return { kind }
}

function compileCanary(path: string, canary: StageResource['canary'], faults: Faults): CanaryPlan {
  const given = canary?.steps ?? []
  const steps = given.map(step => compileStep(step, canary?.['at-most']))
  // A last step of 100 % means promotion, which follows anyway.
  if (steps.length > 1 && steps.at(-1)?.weightPpm === limits.ppmTotal) steps.pop()
  steps.forEach((step, index) => {
    const where = writePath([path, 'steps', index])
    const before = steps[index - 1]?.weightPpm ?? 0
    if (step.weightPpm === 0 || step.weightPpm === limits.ppmTotal) {
      faults.invalid.push({
        path: where,
        message: 'a canary step leaves traffic to both versions',
        value: given[index],
        allowed: ['0.01% to 99.99%', '100% as the last step'],
      })
    } else if (step.weightPpm <= before) {
      faults.invalid.push({
        path: where,
        message: 'each step must be greater than the one before',
        value: given[index],
        allowed: [`above ${before / 10_000}%`],
      })
    }
    if (step.ceilingMs !== null && step.ceilingMs < step.floorMs) {
      faults.invalid.push({ path: where, message: 'at-most is shorter than for', value: given[index] })
    }
  })
  return { kind: 'canary', steps, approval: canary?.approval ?? false, minRequests: canary?.['min-requests'] ?? 1 }
}

type StepResource = NonNullable<StageResource['canary']>['steps'][number]

function compileStep(step: StepResource, atMost: string | undefined): CanaryStep {
  const full = typeof step === 'string' ? { weight: step } : step
  const floorMs = full.for === undefined ? 0 : durationMs(full.for)
  const named = full['at-most']
  // The stage's own ceiling gives way to a longer floor; a step's own does not.
  const ceilingMs = named === undefined ? Math.max(floorMs, durationMs(atMost ?? '24h')) : durationMs(named)
  return { weightPpm: parsePercentPpm(full.weight) ?? 0, floorMs, ceilingMs }
}

function durationMs(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === null) throw new Error(`${text} passed the schema and is no duration`)
  return ms
}
