/** What an endpoint's model takes and gives, from the instance itself or from its server's own metadata path. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { BackendResponse, Instance } from '../ports/backend.ts'
import type { GatewayContext } from './context.ts'
import { callerLeft } from './request-body.ts'
import type { CompiledRoute } from './route.ts'

type Described = { platform: unknown; inputs: unknown; outputs: unknown }

/** In the endpoint's name, with the names of its versions. Throws not-ready, backend-*. */
export async function modelMetadata(
  context: GatewayContext,
  call: { req: IncomingMessage; res: ServerResponse },
  route: CompiledRoute,
  version: string | null,
): Promise<object> {
  const { spec, table, versions } = route
  const wanted = version ?? table.stable
  const instance = context.fleets.pick(spec.name, wanted)
  if (instance === null) {
    throw new CutoverError('not-ready', `version ${wanted} of endpoint ${spec.name} has no ready instance to ask`)
  }
  const { platform, inputs, outputs } = instance.metadata() ?? (await fetchMetadata(instance, route, call.res))
  return {
    name: spec.name,
    versions,
    platform: typeof platform === 'string' ? platform : '',
    inputs: Array.isArray(inputs) ? inputs : [],
    outputs: Array.isArray(outputs) ? outputs : [],
  }
}

async function fetchMetadata(instance: Instance, { spec }: CompiledRoute, res: ServerResponse): Promise<Described> {
  const path = `/v2/models/${spec.name}`
  const controller = new AbortController()
  const leave = () => controller.abort(callerLeft())
  res.once('close', leave)
  try {
    const answer = await instance.send({
      method: 'GET',
      path,
      headers: ['accept', 'application/json'],
      body: null,
      timeouts: spec.timeouts,
      signal: controller.signal,
    })
    return parse(answer.status, await collect(answer.body, path), path)
  } finally {
    res.off('close', leave)
  }
}

async function collect(body: BackendResponse['body'], path: string): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > limits.answerBytesMax) throw unusable(path, `with more than ${limits.answerBytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
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
