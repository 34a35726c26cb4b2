/** Where other servers reach this one. */
import { networkInterfaces } from 'node:os'
import type { ServedAt } from '../adapters/postgres/shared-database.ts'
import type { Address } from '../adapters/standby/relay.ts'

/** By the name that it is told, else as it listens, else by the machine's own address. */
export function reachedAt({ inference, control, grpc, peers }: ServedAt, advertised: string | null): ServedAt {
  const own = ({ host, port }: Address): Address => ({
    host: advertised ?? (isAny(host) ? machineAddress() : host),
    port,
  })
  return {
    ...{ inference: own(inference), control: own(control), grpc: grpc === null ? null : own(grpc) },
    ...(peers !== undefined && { peers: { ...peers, place: { ...peers.place, ...own(peers.place) } } }),
  }
}

/** Where this machine itself reaches what listens there. */
export function fromHere<A extends Address>(address: A): A {
  return isAny(address.host) ? { ...address, host: '127.0.0.1' } : address
}

/** All addresses of a machine at once. */
function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function machineAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
}
