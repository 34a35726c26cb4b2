/** A server at an address with all that calls of it need: TLS, header fields of its own, a provider's ways. */
import type { Provider } from '../../../core/endpoint.ts'
import { limits } from '../../../core/limits.ts'
import { type Share, someOf, wholeShare } from '../../../core/share.ts'
import type { UpstreamTls } from '../../../core/tls.ts'
import type { Clock } from '../../../ports/clock.ts'
import { checkUpstreamTls, tlsOptions, type UpstreamOptions } from '../../tls/upstream-tls.ts'
import type { FleetInstance } from '../replica.ts'
import { type AddedHeaderSpecs, AddedHeaders } from './added-headers.ts'
import { HttpInstance, type Observer } from './http-instance.ts'
import { TailoredInstance } from './tailored-instance.ts'

/** Plain data, without any secret: these are read where the server is called from. */
export type ServerPlan = {
  id: string
  address: string
  /** Of an https address; left out where Node's own authorities are meant. */
  tls?: UpstreamTls | undefined
  headers?: AddedHeaderSpecs | undefined
  provider?: Provider | undefined
  /** Requests that may be under way on one connection; 1 where it is left out. */
  pipelining?: number | undefined
  /** At most, over all workers; `limits.upstreamConnections` where it is left out. */
  connections?: number | undefined
}

export type OpenServer = {
  instance: FleetInstance
  headers: AddedHeaders
  /** Null where Node's own authorities are meant. */
  tls: (() => UpstreamOptions) | null
  /** Cuts what is in flight. */
  close(): Promise<void>
}

export type ServerSurroundings = {
  clock: Clock
  observer: Observer
  /** What becomes of the TLS files. */
  tell(result: { taken: true } | { taken: false; reason: string }): void
  /** Which part of the bounds is this thread's. */
  share?: Share
}

export function openServer(plan: ServerPlan, around: ServerSurroundings): OpenServer {
  const { clock, observer, tell, share = wholeShare } = around
  const { id, address, provider = null } = plan
  const tls = plan.tls === undefined ? null : tlsOptions(plan.tls, { clock, tell })
  const headers = new AddedHeaders(plan.headers ?? {})
  const http = new HttpInstance(id, address, observer, {
    connectionsMax: someOf(plan.connections ?? limits.upstreamConnections, share),
    queueMax: someOf(limits.instanceQueueMax, share),
    ...(tls !== null && { tls: tls.current }),
    ...(plan.pipelining !== undefined && { pipelining: plan.pipelining }),
    plan,
  })
  const isPlain = provider === null && headers.isEmpty
  return {
    instance: isPlain ? http : new TailoredInstance(http, { headers, provider, hasPath: addressHasPath(plan) }),
    headers,
    tls: tls === null ? null : tls.current,
    async close() {
      tls?.close()
      await http.close()
    },
  }
}

/** What of the files and variables that its calls need is not on this machine, in words; null where all is there. */
export function lackedFor({ tls, headers }: Pick<ServerPlan, 'tls' | 'headers'>): string | null {
  try {
    if (tls !== undefined) checkUpstreamTls(tls)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return new AddedHeaders(headers ?? {}).problem?.detail ?? null
}

export function addressHasPath({ address }: Pick<ServerPlan, 'address'>): boolean {
  return new URL(address).pathname !== '/'
}
