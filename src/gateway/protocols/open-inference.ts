/**
 * Open Inference Protocol v2 over REST: the endpoint is the model that callers see, its versions are the model's
 * versions. Bodies of requests to models are not read; the model server knows the model by the endpoint's name.
 */
import { assertNever, CutoverError } from '../../core/errors.ts'
import { assertVersion, pinOf } from '../choose.ts'
import type { GatewayContext } from '../context.ts'
import { excerpt } from '../errors.ts'
import { findRoute } from '../find-route.ts'
import { forward } from '../forward.ts'
import type { Visit } from '../inbound.ts'
import { assertMethod, sendJson } from '../json-answer.ts'
import { modelMetadata } from '../model-metadata.ts'
import type { CompiledRoute } from '../route.ts'
import type { Target } from '../target.ts'
import { serveRepositoryIndex } from './repository-index.ts'

type Call = Visit & { target: Target }

/** Throws `CutoverError`s, to be answered as `{"error": text}`. */
export function serveOpenInference(context: GatewayContext, call: Call): void | Promise<void> {
  const { path } = call.target
  const [, , section = '', ...rest] = path.split('/')
  if (section === '' && rest.length === 0) return serverMetadata(context, call)
  if (path === '/v2/health/live') return live(call)
  if (path === '/v2/health/ready') return serverReady(context, call)
  if (path === '/v2/repository/index') {
    assertMethod(call.inbound, path, 'POST')
    return serveRepositoryIndex(context, call)
  }
  if (section === 'models') {
    const model = parseModel(rest)
    if (model !== null) return serveModel(context, call, model)
  }
  throw nothingHere(path)
}

function nothingHere(path: string): CutoverError {
  const model = '/v2/models/{endpoint}[/versions/{version}]'
  const verbs = [...forwarded].map(verb => `${model}/${verb}`)
  const server = ['/v2', '/v2/health/live', '/v2/health/ready', '/v2/repository/index']
  const known = [...server, model, `${model}/ready`, ...verbs]
  return new CutoverError('route-not-found', `there is nothing at ${excerpt(path)}; there are ${known.join(', ')}`)
}

/** What the model server answers: inference, and its extensions for generated text and streams of events. */
const forwarded: ReadonlySet<string> = new Set(['infer', 'infer_stream', 'generate', 'generate_stream'])

type Model = { endpoint: string; version: string | null; asks: Asks }
type Asks = { for: 'metadata' } | { for: 'ready' } | { for: 'answer'; verb: string }

/** `{endpoint}[/versions/{version}][/ready|/infer|…]`. */
function parseModel(segments: readonly string[]): Model | null {
  const [endpoint = '', ...rest] = segments
  const isVersioned = rest[0] === 'versions' && rest.length >= 2
  const version = isVersioned ? (rest[1] ?? '') : null
  const [verb, ...more] = isVersioned ? rest.slice(2) : rest
  if (endpoint === '' || version === '' || more.length > 0) return null
  if (verb === undefined) return { endpoint, version, asks: { for: 'metadata' } }
  if (verb === 'ready') return { endpoint, version, asks: { for: 'ready' } }
  return forwarded.has(verb) ? { endpoint, version, asks: { for: 'answer', verb } } : null
}

/** What every model here may be asked with, where its own server takes it: such bodies pass through as they are. */
const extensions: readonly string[] = ['binary_tensor_data']

function serverMetadata(context: GatewayContext, { inbound, outbound, target }: Call): void {
  assertMethod(inbound, target.path, 'GET')
  sendJson(outbound, 200, { name: 'cutover', version: context.version, extensions })
}

function live({ inbound, outbound, target }: Call): void {
  assertMethod(inbound, target.path, 'GET')
  sendJson(outbound, 200, { live: true })
}

function serverReady(context: GatewayContext, { inbound, outbound, target }: Call): void {
  assertMethod(inbound, target.path, 'GET')
  // A gap is meant and tells its callers when to come back; without this a load balancer would let go of the others too.
  const missing = [...context.routes.all()].filter(({ spec, table }) => {
    return table.gap === undefined && context.fleets.readyCount(spec.name, table.stable) === 0
  })
  if (context.isReady() && missing.length === 0) {
    sendJson(outbound, 200, { ready: true })
    return
  }
  throw new CutoverError('not-ready', context.door.isOpen ? whatIsMissing(missing) : notReady)
}

/** All that is told to whoever has shown no key where keys are asked for: names are not for everybody. */
const notReady = 'the server is not ready'

function whatIsMissing(missing: readonly CompiledRoute[]): string {
  const waiting = missing.map(({ spec, table }) => `version ${table.stable} of endpoint ${spec.name}`).join(', ')
  return waiting === '' ? notReady : `no ready instance of ${waiting}`
}

function serveModel(context: GatewayContext, call: Call, model: Model): void | Promise<void> {
  const { inbound, target } = call
  const route = findRoute(context.routes, model.endpoint, call.principal)
  assertProtocol(route)
  const { asks } = model
  switch (asks.for) {
    case 'answer':
      assertMethod(inbound, target.path, 'POST')
      return ask(context, call, { route, version: model.version, verb: asks.verb })
    case 'ready':
      assertMethod(inbound, target.path, 'GET')
      return modelReady(context, call, route, model)
    case 'metadata':
      assertMethod(inbound, target.path, 'GET')
      return metadata(context, call, route, model)
    default:
      return assertNever(asks)
  }
}

function assertProtocol({ spec }: CompiledRoute): void {
  if (spec.protocol === 'open-inference') return
  const remedy = `call /endpoints/${spec.name}/{path}`
  throw new CutoverError(
    'route-not-found',
    `endpoint ${spec.name} does not speak the Open Inference Protocol; ${remedy}`,
  )
}

async function metadata(context: GatewayContext, call: Call, route: CompiledRoute, model: Model): Promise<void> {
  if (model.version !== null) assertVersion(route, model.version)
  sendJson(call.outbound, 200, await modelMetadata(context, call.outbound, route, model.version))
}

type Question = { route: CompiledRoute; version: string | null; verb: string }

function ask(context: GatewayContext, call: Call, { route, version, verb }: Question): void | Promise<void> {
  const { inbound, outbound, target } = call
  const pin = pinOf(route, inbound, version)
  const path = `/v2/models/${route.spec.name}/${verb}${target.query}`
  return forward(context, { inbound, outbound, route, pin, path, shape: 'open-inference' })
}

function modelReady(context: GatewayContext, call: Call, route: CompiledRoute, model: Model): void {
  const { spec, table } = route
  if (model.version !== null) assertVersion(route, model.version)
  const version = model.version ?? table.stable
  if (context.fleets.readyCount(spec.name, version) === 0) {
    throw new CutoverError('not-ready', `version ${version} of endpoint ${spec.name} has no ready instance`)
  }
  sendJson(call.outbound, 200, { name: spec.name, ready: true })
}
