/** What an endpoint's model takes and gives, from the instance itself or from its server's own metadata path. */
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Instance } from '../ports/backend.ts'
import { wholeAnswer } from '../ports/whole-answer.ts'
import type { GatewayContext } from './context.ts'
import type { Outbound } from './inbound.ts'
import { callerLeft } from './request-body.ts'
import type { CompiledRoute } from './route.ts'

type Described = { platform: unknown; inputs: unknown; outputs: unknown }

/** In the endpoint's name, with the names of its versions. Throws not-ready, backend-*. */
export async function modelMetadata(
  context: GatewayContext,
  outbound: Outbound,
  route: CompiledRoute,
  version: string | null,
): Promise<object> {
  const { spec, table, versions } = route
  const wanted = version ?? table.stable
  const instance = context.fleets.pick(spec.name, wanted)
  if (instance === null) {
    throw new CutoverError('not-ready', `version ${wanted} of endpoint ${spec.name} has no ready instance to ask`)
  }
  const { platform, inputs, outputs } = instance.metadata() ?? (await fetchMetadata(instance, route, outbound))
  return {
    name: spec.name,
    versions,
    platform: typeof platform === 'string' ? platform : '',
    inputs: Array.isArray(inputs) ? inputs : [],
    outputs: Array.isArray(outputs) ? outputs : [],
  }
}

async function fetchMetadata(instance: Instance, { spec }: CompiledRoute, outbound: Outbound): Promise<Described> {
  const path = `/v2/models/${spec.name}`
  const controller = new AbortController()
  outbound.watch({ onAnswerDrain: () => {}, onAnswerClosed: () => controller.abort(callerLeft()) })
  const call = { method: 'GET', path, fields: 'accept: application/json\r\n', body: null, timeouts: spec.timeouts }
  const bounds = { bytesMax: limits.answerBytesMax, signal: controller.signal }
  const { status, body } = await wholeAnswer(instance, call, bounds).catch((error: unknown) => {
    if (!(error instanceof CutoverError) || error.code !== 'body-too-large') throw error
    throw unusable(path, `with more than ${limits.answerBytesMax} bytes`)
  })
  return parse(status, body, path)
}

function parse(status: number, body: Uint8Array, path: string): Described {
  if (status !== 200) throw unusable(path, `with the status ${status}`)
  try {
    const { platform, inputs, outputs } = JSON.parse(Buffer.from(body).toString('utf8'))
    return { platform, inputs, outputs }
  } catch (cause) {
    throw unusable(path, 'with something that is not a JSON object', cause)
  }
}

function unusable(path: string, how: string, cause?: unknown): CutoverError {
  return new CutoverError('backend-failed', `the model server answered GET ${path} ${how}`, [], cause)
}
