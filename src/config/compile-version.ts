/** A version of an Endpoint document, or the template of those that a registry finds, as it runs. */
import type { EndpointResource } from '../contract/resources.ts'
import type { Backend, Protocol, VersionSpec } from '../core/endpoint.ts'
import { limits } from '../core/limits.ts'
import type { UpstreamTls } from '../core/tls.ts'
import { compileHeaders, compileProvider } from './compile-provider.ts'
import { durationMs } from './quantities.ts'

export type VersionResource = EndpointResource['versions'][string]

export function compileVersion(version: VersionResource, name: string, protocol: Protocol): VersionSpec {
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
  const connections = version.connections === undefined ? {} : { connections: version.connections }
  const more = { ...provider, ...tls, ...pipelining, ...connections }
  return { kind: 'url', addresses, ready, ...compileHeaders(version), ...more }
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
