/** Features of a request that the version depends on, read before it is chosen: of bodies that are at hand as plain bytes. */
import { type ReadFeatures, readFeatures } from '../core/features.ts'
import { limits } from '../core/limits.ts'
import { headerText } from './headers.ts'
import type { Inbound } from './inbound.ts'
import type { CompiledRoute } from './route.ts'

/** Null where nothing asks for them: a table without a policy costs nothing. */
export function contextOf({ spec, table }: CompiledRoute, inbound: Inbound, body: Buffer | null): ReadFeatures | null {
  if (table.policy === undefined || spec.features === undefined) return null
  const isCompressed = (headerText(inbound, 'content-encoding')?.trim().toLowerCase() ?? 'identity') !== 'identity'
  if (body === null || body.length > limits.wholeBodyBytesMax || isCompressed) return unread
  const length = headerText(inbound, 'inference-header-content-length')
  return readFeatures({ body, jsonBytes: length === undefined ? null : Number(length), features: spec.features })
}

/** Too long, streamed or packed: weights choose, and it is no row of a model. */
const unread: ReadFeatures = { features: null, isMalformed: false }
