/** Runs versions on this machine or watches them elsewhere: threads, supervised processes, addresses. */
import type { VersionSpec } from '../../core/endpoint.ts'
import { assertNever } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Deployer, FleetReport } from '../../ports/deployer.ts'
import { checkCommand } from './command/check.ts'
import { CommandInstance } from './command/command-instance.ts'
import { createProcessGroups, type ProcessGroups } from './command/process-groups.ts'
import { Fleet } from './fleet.ts'
import { UrlInstance } from './http/url-instance.ts'
import type { InstanceLog, ManagedInstance } from './managed.ts'
import { checkModel, OnnxInstance } from './onnx/onnx-instance.ts'

export type DeployerOptions = {
  clock: Clock
  /** Answers to `ensure`, and what happens to fleets later. Called in a later turn, never from within `ensure`. */
  report: (report: FleetReport) => void
  log: (endpoint: string, version: string) => InstanceLog
}

export function createDeployer(options: DeployerOptions): Deployer {
  const fleets = new Map<string, Fleet>()
  const groups = createProcessGroups()
  const keyOf = (endpoint: string, version: string): string => `${endpoint}\n${version}`
  const report = (one: FleetReport): void => queueMicrotask(() => options.report(one))

  const begin = (endpoint: string, version: VersionSpec, readyTimeoutMs: number): void => {
    const fleet = new Fleet({ endpoint, version: version.name, needsAll: version.backend.kind !== 'url', report })
    fleets.set(keyOf(endpoint, version.name), fleet)
    fleet.instances = makeInstances({ endpoint, version, readyTimeoutMs, fleet, groups, options })
    for (const instance of fleet.instances) instance.start()
  }

  return {
    ensure({ endpoint, version, readyTimeoutMs }) {
      const known = fleets.get(keyOf(endpoint, version.name))
      if (known === undefined) begin(endpoint, version, readyTimeoutMs)
      else known.update(true)
    },
    async stop({ endpoint, version, drainMs }) {
      const fleet = fleets.get(keyOf(endpoint, version))
      fleets.delete(keyOf(endpoint, version))
      await fleet?.stop(drainMs)
    },
    async check(version) {
      const { backend } = version
      if (backend.kind === 'onnx') await checkModel(version, backend.path)
      else if (backend.kind === 'command') checkCommand(version, backend)
    },
    status: (endpoint, version) => fleets.get(keyOf(endpoint, version))?.status() ?? [],
    fleets: {
      pick: (endpoint, version) => fleets.get(keyOf(endpoint, version))?.pick() ?? null,
      readyCount: (endpoint, version) => fleets.get(keyOf(endpoint, version))?.readyCount() ?? 0,
    },
    async close() {
      const ending = [...fleets.values()].map(fleet => fleet.stop(0))
      fleets.clear()
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, limits.shutdownTimeoutMs)
      })
      await Promise.race([Promise.allSettled(ending), late])
      clearTimeout(timer)
      groups.close()
    },
  }
}

type Making = {
  endpoint: string
  version: VersionSpec
  readyTimeoutMs: number
  fleet: Fleet
  groups: ProcessGroups
  options: DeployerOptions
}

function makeInstances(making: Making): ManagedInstance[] {
  const { endpoint, version, fleet, groups } = making
  const { backend } = version
  const { clock } = making.options
  const log = making.options.log(endpoint, version.name)
  const onChange = (): void => fleet.update()
  const ids = Array.from({ length: version.instances }, (_, index) => `${endpoint}/${version.name}/${index + 1}`)
  switch (backend.kind) {
    case 'onnx':
      return ids.map(
        id =>
          new OnnxInstance({
            id,
            input: { endpoint, version: version.name, path: backend.path },
            clock,
            onChange,
            log,
          }),
      )
    case 'command': {
      const ready = { ...backend.ready, timeoutMs: Math.min(backend.ready.timeoutMs, making.readyTimeoutMs) }
      return ids.map(id => new CommandInstance({ id, backend: { ...backend, ready }, groups, clock, onChange, log }))
    }
    case 'url':
      return backend.addresses.map(address => {
        const ready = { ...backend.ready, timeoutMs: Math.min(backend.ready.timeoutMs, making.readyTimeoutMs) }
        const instance: UrlInstance = new UrlInstance({
          address,
          check: ready,
          clock,
          onChange,
          isLastStanding: () => fleet.isLastStanding(instance),
        })
        return instance
      })
    default:
      return assertNever(backend)
  }
}
