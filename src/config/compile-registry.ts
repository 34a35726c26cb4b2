/** A registry of an Endpoint document as the controller watches it: the version and the plan stay templates. */
import type { EndpointResource } from '../contract/resources.ts'
import { candidateWord, type Registry, type RegistrySource } from '../core/registry/registry.ts'
import { compileRelease } from './compile-release.ts'
import { compileVersion } from './compile-version.ts'
import { durationMs } from './quantities.ts'

type RegistryResource = NonNullable<EndpointResource['registry']>

export function compileRegistry(
  registry: RegistryResource,
  { name: endpoint, protocol }: Pick<EndpointResource, 'name' | 'protocol'>,
): Registry {
  const { backend, instances } = compileVersion(registry.version, candidateWord, protocol)
  const release = { ...registry.release, kind: 'Release' as const, endpoint, to: candidateWord }
  const { endpoint: _endpoint, to: _to, ...plan } = compileRelease(release)
  return {
    source: compileSource(registry),
    everyMs: durationMs(registry.every),
    name: registry.name,
    template: { backend, instances },
    plan,
  }
}

function compileSource({ mlflow, folder, manifest }: RegistryResource): RegistrySource {
  if (mlflow !== undefined) return { from: 'mlflow', ...mlflow, token: mlflow.token ?? null }
  if (folder !== undefined) return { from: 'folder', ...folder }
  if (manifest !== undefined) return { from: 'manifest', ...manifest }
  throw new Error('a registry without a source passed the contract')
}
