/** Which version that has traffic lacks instances, why, and where to look: what `status`, `doctor` and the dashboard say of an endpoint. */
import type { WireEndpoint, WireVersion } from '../wire/endpoint.ts'

export type Lack = { isDown: boolean; text: string; command: string }

/** The version that is worst off; null where all that have traffic have their instances. */
export function lackOf({ name: endpoint, versions }: WireEndpoint): Lack | null {
  const serving = versions.filter(({ weightPpm }) => weightPpm > 0)
  const command = (version: string) => `cutover describe version ${endpoint}/${version}`
  const down = serving.find(({ instancesReady }) => instancesReady === 0)
  if (down !== undefined) {
    const why = down.instances.map(({ detail }) => detail).find(detail => detail !== '')
    const text = `no instance of ${down.name} is ready${why === undefined ? '' : `: ${why}`}`
    return { isDown: true, text, command: command(down.name) }
  }
  const missing = serving.find(({ instancesReady, instancesWanted }) => instancesReady < instancesWanted)
  if (missing === undefined) return null
  const text = `${missing.instancesReady} of ${missing.instancesWanted} instances of ${missing.name} are ready`
  return { isDown: false, text, command: command(missing.name) }
}

/** A fleet that was ready stays so while its servers are down: of these nobody is there. */
export function fleetWord({
  fleet,
  instancesReady,
}: Pick<WireVersion, 'fleet' | 'instancesReady'>): WireVersion['fleet'] | 'down' {
  return fleet === 'ready' && instancesReady === 0 ? 'down' : fleet
}
