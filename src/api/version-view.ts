/** Domain to wire: a version and how it runs now. Secrets stay inside. */
import type { WireVersion } from '../contract/wire/endpoint.ts'
import { controlOf, publicWeights } from '../core/control-fleet.ts'
import type { Backend, VersionSpec } from '../core/endpoint.ts'
import { versionsOf } from '../core/stage-plans.ts'
import type { ControlState, EndpointState } from '../core/state.ts'
import type { InstanceStatus } from '../ports/deployer.ts'

export type Instances = (endpoint: string, version: string) => readonly InstanceStatus[]

export function versionView(input: {
  version: VersionSpec
  endpoint: EndpointState
  state: ControlState
  instances: Instances
}): WireVersion {
  const { version, endpoint, state } = input
  // A control runs the same version: its copies are listed with the others.
  const names = [version.name, controlOf(version.name)]
  const instances = names.flatMap(name => input.instances(endpoint.spec.name, name))
  return {
    endpoint: endpoint.spec.name,
    name: version.name,
    role: roleOf(version.name, endpoint, state),
    weightPpm: publicWeights(endpoint.table.weights)[version.name] ?? 0,
    backend: backendView(version.backend),
    origin: version.origin ?? null,
    fleet: endpoint.fleets[version.name] ?? 'absent',
    instancesWanted: instancesWanted(version, endpoint),
    instancesReady: instances.filter(instance => instance.state === 'ready').length,
    instances: instances.map(({ id, state, detail }) => ({ id, state, detail })),
  }
}

function instancesWanted({ name, instances }: VersionSpec, { sizes, fleets }: EndpointState): number {
  const control = controlOf(name)
  const extra = (fleets[control] ?? 'absent') === 'absent' ? 0 : (sizes?.[control] ?? 0)
  return (sizes?.[name] ?? instances) + extra
}

/** All that a release tries are candidates, not the one alone that it names. */
function roleOf(version: string, endpoint: EndpointState, state: ControlState): WireVersion['role'] {
  if (version === endpoint.stable) return 'stable'
  const release = endpoint.activeRelease === null ? undefined : state.releases[endpoint.activeRelease]
  if (release === undefined) return 'idle'
  const { plan, phase } = release
  const isTried =
    phase.kind === 'running' &&
    version !== plan.from &&
    (endpoint.fleets[version] ?? 'absent') !== 'absent' &&
    plan.stages.some(stage => versionsOf(stage, plan.to).includes(version))
  return version === plan.to || isTried ? 'candidate' : 'idle'
}

function backendView(backend: Backend): WireVersion['backend'] {
  if (backend.kind === 'onnx') return { ...backend }
  const ready = { ...backend.ready }
  const provider = backend.provider ?? null
  if (backend.kind === 'url') {
    const { addresses, tls } = backend
    const headers = { ...(backend.headers ?? {}) }
    const proven = tls === undefined ? {} : { tls: { ...tls } }
    return { kind: 'url', addresses: [...addresses], ready, headers, provider, ...proven }
  }
  const { argv, cwd, env } = backend
  return { kind: 'command', argv: [...argv], cwd, env: Object.keys(env), ready, provider }
}
