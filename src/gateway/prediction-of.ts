/** What is recorded of a finished request. */
import type { Measures } from '../core/measures.ts'
import type { Payload } from '../core/prediction.ts'
import type { AskedFeatures, RawPrediction } from '../ports/recorder.ts'
import type { Opened } from './exchange.ts'
import { headerText } from './headers.ts'
import { isIdGiven } from './ids.ts'
import { sentHead } from './sent-head.ts'
import type { Tee } from './tee.ts'

type Finish = Pick<RawPrediction, 'atMs' | 'latencyMs' | 'status' | 'failed'> & { measures: Measures | null }

/** Copies of both bodies; null where they are not kept. */
type Bodies = { request: Tee | null; response: Tee | null }

/** What asks about a resource and never for its content is no prediction: pages of other origins ask before each of theirs. */
export function asksForPrediction(method: string): boolean {
  return method !== 'OPTIONS' && method !== 'HEAD' && method !== 'TRACE'
}

export function predictionOf(opened: Opened, finish: Finish, bodies: Bodies): RawPrediction {
  const { inbound, choice, predictionId, unit } = opened
  const { spec, table } = choice.route
  const prediction: RawPrediction = {
    id: predictionId,
    madeId: !isIdGiven(inbound),
    endpoint: spec.name,
    epoch: table.epoch,
    release: table.release,
    unit,
    assigned: choice.assigned,
    version: choice.version,
    propensity: choice.propensity,
    pinned: choice.pinned,
    atMs: finish.atMs,
    latencyMs: finish.latencyMs,
    status: finish.status,
    failed: finish.failed,
    payload: bodies.request === null ? null : payloadOf(opened, bodies),
    raw: null,
  }
  if (choice.byContext) prediction.byContext = true
  if (choice.read !== null) prediction.read = choice.read
  if (finish.measures !== null) prediction.measures = finish.measures
  const asked = askedOf(opened, bodies)
  if (asked !== null) prediction.asked = asked
  return prediction
}

function payloadOf({ inbound, path }: Opened, bodies: Bodies): Payload | null {
  const request = bodies.request?.whole() ?? null
  const response = bodies.response?.whole() ?? null
  if (request === null || response === null) return null
  const sent = sentHead(inbound, path)
  return sent === null ? { request, response } : { request, response, sent }
}

/** What is to be read of the request later, off the path. */
function askedOf({ inbound, choice }: Opened, bodies: Bodies): AskedFeatures | null {
  const { features } = choice.route.spec
  if (features === undefined || bodies.request === null || choice.read !== null) return null
  const encoding = headerText(inbound, 'content-encoding')?.trim().toLowerCase() ?? 'identity'
  const length = headerText(inbound, 'inference-header-content-length')
  return { features, encoding, jsonBytes: length === undefined ? null : Number(length) }
}
