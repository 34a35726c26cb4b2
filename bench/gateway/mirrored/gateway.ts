/** The gateway with one mirror more on every table that it is given: a split and copies at once, which no stage asks for. */

import type { Mirror } from '../../../src/core/traffic.ts'
import { createGateway as createPlain, type Gateway, type GatewayOptions } from '../../../src/gateway/gateway.ts'

export type { Gateway, GatewayOptions }

const mirror: Mirror = {
  version: 'v2',
  fractionPpm: Number(process.env['BENCH_MIRROR_PPM']),
  methods: ['POST'],
  paths: null,
  // Wide enough that copies are dropped for lack of time alone, which is counted.
  budget: { ratePerSecondMax: null, concurrencyMax: 256, queueMax: 10_000, bodyBytesMax: 262_144, timeoutMs: 10_000 },
}

export function createGateway(options: GatewayOptions): Gateway {
  const gateway = createPlain(options)
  const apply: Gateway['apply'] = ({ spec, table }) =>
    gateway.apply({ spec, table: (table.weights['v2'] ?? 0) > 0 ? { ...table, mirrors: [mirror] } : table })
  return { ...gateway, apply }
}
