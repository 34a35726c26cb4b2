/**
 * Open Inference Protocol v2 over REST: the endpoint is the model that callers see, its versions are the model's
 * versions. Bodies are not read; the model server knows the model by the endpoint's name.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CutoverError } from '../../core/errors.ts'
import { assertVersion, pinOf } from '../choose.ts'
import type { GatewayContext } from '../context.ts'
import { excerpt } from '../errors.ts'
import { findRoute } from '../find-route.ts'
import { forward } from '../forward.ts'
import { assertMethod, sendJson } from '../json-answer.ts'
import { modelMetadata } from '../model-metadata.ts'
import type { CompiledRoute } from '../route.ts'
import type { Target } from '../target.ts'

export type OpenInferenceCall = { req: IncomingMessage; res: ServerResponse; target: Target }

/** Throws `CutoverError`s, to be answered as `{"error": text}`. */
export async function serveOpenInference(context: GatewayContext, call: OpenInferenceCall): Promise<void> {
  const { path } = call.target
  const [, , section = '', ...rest] = path.split('/')
  if (section === '' && rest.length === 0) return serverMetadata(context, call)
  if (path === '/v2/health/live') return live(call)
  if (path === '/v2/health/ready') return serverReady(context, call)
  if (section === 'models') {
    const model = parseModel(rest)
    if (model !== null) return serveModel(context, call, model)
  }
  throw nothingHere(path)
}

function nothingHere(path: string): CutoverError {
  const model = '/v2/models/{endpoint}[/versions/{version}]'
  const known = ['/v2', '/v2/health/live', '/v2/health/ready', model, `${model}/ready`, `${model}/infer`]
  return new CutoverError('route-not-found', `there is nothing at ${excerpt(path)}; there are ${known.join(', ')}`)
}

type Model = { endpoint: string; version: string | null; verb: 'metadata' | 'ready' | 'infer' }

/** `{endpoint}[/versions/{version}][/ready|/infer]`. */
function parseModel(segments: readonly string[]): Model | null {
  const [endpoint = '', ...rest] = segments
  const isVersioned = rest[0] === 'versions' && rest.length >= 2
  const version = isVersioned ? (rest[1] ?? '') : null
  const [verb, ...more] = isVersioned ? rest.slice(2) : rest
  if (endpoint === '' || version === '' || more.length > 0) return null
  if (verb === undefined) return { endpoint, version, verb: 'metadata' }
  return verb === 'ready' || verb === 'infer' ? { endpoint, version, verb } : null
}

function serverMetadata(context: GatewayContext, { req, res, target }: OpenInferenceCall): void {
  assertMethod(req, target.path, 'GET')
  sendJson(res, 200, { name: 'cutover', version: context.version, extensions: [] })
}

function live({ req, res, target }: OpenInferenceCall): void {
  assertMethod(req, target.path, 'GET')
  sendJson(res, 200, { live: true })
}

function serverReady(context: GatewayContext, { req, res, target }: OpenInferenceCall): void {
  assertMethod(req, target.path, 'GET')
  // A gap is meant and tells its callers when to come back; without this a load balancer would let go of the others too.
  const missing = [...context.routes.all()].filter(({ spec, table }) => {
    return table.gap === undefined && context.fleets.readyCount(spec.name, table.stable) === 0
  })
  if (context.isReady() && missing.length === 0) {
    sendJson(res, 200, { ready: true })
    return
  }
  const waiting = missing.map(({ spec, table }) => `version ${table.stable} of endpoint ${spec.name}`).join(', ')
  const what = waiting === '' ? 'the server is not ready' : `no ready instance of ${waiting}`
  throw new CutoverError('not-ready', what)
}

async function serveModel(context: GatewayContext, call: OpenInferenceCall, model: Model): Promise<void> {
  const { req, target } = call
  const route = findRoute(context.routes, model.endpoint)
  assertProtocol(route)
  switch (model.verb) {
    case 'infer':
      assertMethod(req, target.path, 'POST')
      return infer(context, call, route, model)
    case 'ready':
      assertMethod(req, target.path, 'GET')
      return modelReady(context, call, route, model)
    case 'metadata':
      assertMethod(req, target.path, 'GET')
      if (model.version !== null) assertVersion(route, model.version)
      sendJson(call.res, 200, await modelMetadata(context, call, route, model.version))
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

function infer(context: GatewayContext, call: OpenInferenceCall, route: CompiledRoute, model: Model): Promise<void> {
  const { req, res, target } = call
  const pin = pinOf(route, req, model.version)
  const path = `/v2/models/${route.spec.name}/infer${target.query}`
  return forward(context, { req, res, route, pin, path, shape: 'open-inference' })
}

function modelReady(context: GatewayContext, call: OpenInferenceCall, route: CompiledRoute, model: Model): void {
  const { spec, table } = route
  if (model.version !== null) assertVersion(route, model.version)
  const version = model.version ?? table.stable
  if (context.fleets.readyCount(spec.name, version) === 0) {
    throw new CutoverError('not-ready', `version ${version} of endpoint ${spec.name} has no ready instance`)
  }
  sendJson(call.res, 200, { name: spec.name, ready: true })
}
