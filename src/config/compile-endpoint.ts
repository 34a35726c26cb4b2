/** An Endpoint document as the specification that the control plane runs. */
import { isAbsolute } from 'node:path'
import { scoreTypes } from '../contract/metric-names.ts'
import type { EndpointResource } from '../contract/resources.ts'
import type { AnswerRule, Backend, EndpointSpec, Protocol, UnitSource, VersionSpec } from '../core/endpoint.ts'
import type { EndpointRule } from '../core/endpoint-rules.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import type { ExternalMetric } from '../core/external-metric.ts'
import { limits } from '../core/limits.ts'
import type { UpstreamTls } from '../core/tls.ts'
import { compileGate } from './compile-gate.ts'
import { compileMetric } from './compile-metric.ts'
import { compileHeaders, compileProvider } from './compile-provider.ts'
import { compileResilience } from './compile-resilience.ts'
import { compileWatching } from './compile-watching.ts'
import { compileWebhook } from './compile-webhooks.ts'
import { durationMs, percentPpm } from './quantities.ts'

type VersionResource = EndpointResource['versions'][string]

export function compileEndpoint(resource: EndpointResource): EndpointSpec {
  refuseRelativePaths(resource)
  return {
    name: resource.name,
    protocol: resource.protocol,
    unit: compileUnit(resource.unit),
    stable: resource.stable,
    versions: mapValues(resource.versions, (version, name) => compileVersion(version, name, resource.protocol)),
    allowPin: resource['allow-pin'],
    answer: compileAnswer(resource),
    metrics: mapValues(resource.metrics, metric => compileMetric(metric, resource.protocol)),
    ...(Object.keys(resource.external).length > 0 && { external: mapValues(resource.external, compileExternal) }),
    ...compileResilience(resource),
    ...(resource.recording === 'off' && { recording: 'off' as const }),
    bodyBytesMax: resource['body-limit'],
    payloadSamplePpm: percentPpm(resource['payload-sample']),
    ...(resource.capacity !== undefined && { capacity: resource.capacity }),
    ...(Object.keys(resource.webhooks).length > 0 && { webhooks: mapValues(resource.webhooks, compileWebhook) }),
    ...(resource['label-window'] !== undefined && { labelWindowMs: durationMs(resource['label-window']) }),
    ...(resource.rules.length > 0 && { rules: resource.rules.map(compileRule) }),
    ...compileWatching(resource),
  }
}

function compileRule({ header, equals, flag, is, version }: EndpointResource['rules'][number]): EndpointRule {
  if (flag !== undefined) return { ...compileGate({ name: flag, is }), version }
  return { header: (header ?? '').toLowerCase(), equals: equals ?? '', version }
}

/** The header by which callers name their unit unless the endpoint says otherwise. */
const unitHeader = 'x-cutover-unit'

function compileUnit(unit: EndpointResource['unit']): UnitSource {
  if (unit?.cookie !== undefined) return { from: 'cookie', name: unit.cookie }
  if (unit?.pointer !== undefined) return { from: 'body', pointer: unit.pointer }
  return { from: 'header', name: (unit?.header ?? unitHeader).toLowerCase() }
}

function compileVersion(version: VersionResource, name: string, protocol: Protocol): VersionSpec {
  const backend = compileBackend(version, protocol)
  return { name, backend, instances: backend.kind === 'url' ? backend.addresses.length : version.instances }
}

function compileBackend(version: VersionResource, protocol: Protocol): Backend {
  const { onnx, command, url } = version
  if (onnx !== undefined) return compileOnnx(onnx)
  const ready = compileReady(version, protocol)
  const provider = compileProvider(version, protocol)
  if (command !== undefined) {
    return { kind: 'command', argv: command, cwd: version.cwd ?? '', env: version.env ?? {}, ready, ...provider }
  }
  if (url === undefined) throw new Error('a version without a backend passed the contract')
  const addresses = (Array.isArray(url) ? url : [url]).map(withoutSlash)
  const tls = version.tls === undefined ? {} : { tls: compileTls(version.tls) }
  const pipelining = version.pipelining === undefined ? {} : { pipelining: version.pipelining }
  return { kind: 'url', addresses, ready, ...compileHeaders(version), ...provider, ...tls, ...pipelining }
}

function compileTls(tls: NonNullable<VersionResource['tls']>): UpstreamTls {
  const { ca, cert, key, 'server-name': serverName, insecure } = tls
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { serverName }),
    ...(insecure && { insecure }),
  }
}

function compileOnnx(onnx: NonNullable<VersionResource['onnx']>): Backend {
  if (typeof onnx === 'string') return { kind: 'onnx', path: onnx }
  const { model: path, 'max-batch': rowsMax, 'max-wait': wait } = onnx
  if (rowsMax === undefined) return { kind: 'onnx', path }
  return { kind: 'onnx', path, batch: { rowsMax, waitMs: wait === undefined ? 0 : durationMs(wait) } }
}

function compileExternal(external: EndpointResource['external'][string]): ExternalMetric {
  const { prometheus, http } = external
  const times = { everyMs: durationMs(external.every), timeoutMs: durationMs(external.timeout) }
  if (prometheus !== undefined) return { source: { from: 'prometheus', ...prometheus }, ...times }
  if (http === undefined) throw new Error('an external metric without a source passed the contract')
  return { source: { from: 'http', ...http }, ...times }
}

/** What a server is asked that is ready, in its protocol; one that does not know the path is ready once it answers HTTP. */
const readyPaths: Readonly<Record<Protocol, string>> = {
  'open-inference': '/v2/health/ready',
  openai: '/v1/models',
  'tensorflow-serving': '/v2/health/ready',
  http: '/v2/health/ready',
}

function compileReady({ ready }: VersionResource, protocol: Protocol) {
  return {
    path: ready?.path ?? readyPaths[protocol],
    timeoutMs: ready === undefined ? limits.readyTimeoutMs : durationMs(ready.timeout),
    unknownIsReady: ready?.path === undefined,
  }
}

function withoutSlash(address: string): string {
  return address.replace(/\/+$/, '')
}

/** The scores are read where a metric asks for them; those of an argmax are what it is of. */
function compileAnswer({ prediction, metrics }: EndpointResource): AnswerRule | null {
  if (prediction === undefined) return null
  const { output, read } = prediction
  const isScored = Object.values(metrics).some(({ type }) => scoreTypes.includes(type))
  const scores = prediction.scores ?? (isScored && read === 'argmax' ? output : undefined)
  return { output, read, ...(scores !== undefined && { scores }) }
}

/** The server does not know where a document came from; `resolvePaths` makes its paths absolute before it travels. */
function refuseRelativePaths(resource: EndpointResource): void {
  const problems = Object.entries(resource.versions).flatMap(([name, version]) => relativePaths(name, version))
  if (problems.length > 0) {
    throw new CutoverError('invalid-resource', `Endpoint ${resource.name} names relative paths`, problems)
  }
}

function relativePaths(name: string, version: VersionResource): Problem[] {
  const absolute = ['an absolute path; `cutover apply` makes those of a file absolute']
  const problems: Problem[] = []
  const { onnx, cwd } = version
  const paths = typeof onnx === 'object' ? { 'onnx.model': onnx.model, cwd } : { onnx, cwd }
  for (const [key, value] of Object.entries(paths)) {
    if (value === undefined || isAbsolute(value)) continue
    problems.push({ path: `versions.${name}.${key}`, message: 'is a relative path', value, allowed: absolute })
  }
  for (const key of ['ca', 'cert', 'key'] as const) {
    const value = version.tls?.[key]
    if (value === undefined || isAbsolute(value)) continue
    problems.push({ path: `versions.${name}.tls.${key}`, message: 'is a relative path', value, allowed: absolute })
  }
  for (const [header, value] of Object.entries(version.headers ?? {})) {
    if (typeof value === 'string' || value.file === undefined || isAbsolute(value.file)) continue
    const path = `versions.${name}.headers.${header}.file`
    problems.push({ path, message: 'is a relative path', value: value.file, allowed: absolute })
  }
  if (version.command !== undefined && version.cwd === undefined) {
    problems.push({ path: `versions.${name}.cwd`, message: 'is missing', allowed: absolute })
  }
  return problems
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  convert: (value: From, key: string) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, convert(value, key)]))
}
