/**
 * TensorFlow Serving's REST, which is KServe's v1 as well: the endpoint is the model, its versions are the model's versions, and
 * the labels `stable` and `canary` are who serves by right and who is being released. Bodies are not read, so that NaN passes.
 */
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { wholeAnswer } from '../../ports/whole-answer.ts'
import { assertVersion, pinOf } from '../choose.ts'
import type { GatewayContext } from '../context.ts'
import { excerpt } from '../errors.ts'
import { findRoute } from '../find-route.ts'
import { forward } from '../forward.ts'
import type { Visit } from '../inbound.ts'
import { assertMethod, sendJson } from '../json-answer.ts'
import { endpointNamedBy } from '../named-endpoint.ts'
import { callerLeft } from '../request-body.ts'
import type { CompiledRoute } from '../route.ts'
import type { Target } from '../target.ts'

type Call = Visit & { target: Target }

const verbs = ['predict', 'classify', 'regress', 'explain'] as const
type Verb = (typeof verbs)[number] | 'status' | 'metadata'

export type ModelPath = {
  endpoint: string
  version: string | null
  label: string | null
  verb: Verb
}

const prefix = '/v1/models/'
const pattern = /^([^/:]+)(?:\/(versions|labels)\/([^/:]+))?(?::(\w+)|\/(metadata))?$/

/** `{endpoint}[/versions/{v}|/labels/{l}]` and a verb after a colon, or `/metadata`; null for any other path. */
export function parseModelPath(path: string): ModelPath | null {
  if (!path.startsWith(prefix)) return null
  const [, endpoint, kind, chosen, after, metadata] = pattern.exec(path.slice(prefix.length)) ?? []
  if (endpoint === undefined) return null
  const verb = after === undefined ? (metadata === undefined ? 'status' : 'metadata') : verbOf(after)
  if (verb === null) return null
  return {
    endpoint,
    version: kind === 'versions' ? (chosen ?? null) : null,
    label: kind === 'labels' ? (chosen ?? null) : null,
    verb,
  }
}

function verbOf(text: string): Verb | null {
  return verbs.find(verb => verb === text) ?? null
}

/** Whether a path can be of this protocol only. */
export function isModelCall(path: string): boolean {
  const model = parseModelPath(path)
  return model !== null && !(model.verb === 'status' && model.version === null && model.label === null)
}

/** `/v1/models/{name}` alone is OpenAI's unless the endpoint says otherwise; so is a path that neither of the two has. */
export function isTensorflowServing(context: GatewayContext, path: string): boolean {
  if (isModelCall(path)) return true
  const name = path.startsWith(prefix) ? endpointNamedBy(path) : null
  return name !== null && context.routes.get(name)?.spec.protocol === 'tensorflow-serving'
}

/** Throws `CutoverError`s, to be answered as `{"error": text}`. */
export function serveTensorflowServing(context: GatewayContext, call: Call): void | Promise<void> {
  const { inbound, target } = call
  const model = parseModelPath(target.path)
  if (model === null) throw nothingHere(target.path)
  const route = findRoute(context.routes, model.endpoint, call.principal)
  assertProtocol(route)
  const version = versionOf(route, model)
  if (model.verb === 'status' || model.verb === 'metadata') {
    assertMethod(inbound, target.path, 'GET')
    if (version !== null) assertVersion(route, version)
    return model.verb === 'status' ? status(context, call, route, version) : metadata(context, call, route, version)
  }
  assertMethod(inbound, target.path, 'POST')
  const pin = pinOf(route, inbound, version)
  const path = `${prefix}${route.spec.name}:${model.verb}${target.query}`
  return forward(context, { ...call, route, pin, path, shape: 'open-inference' })
}

function nothingHere(path: string): CutoverError {
  const model = `${prefix}{endpoint}[/versions/{version}|/labels/{label}]`
  const known = [...verbs.map(verb => `${model}:${verb}`), model, `${model}/metadata`].join(', ')
  return new CutoverError('route-not-found', `there is nothing at ${excerpt(path)}; there are ${known}`)
}

/** Servers of any HTTP may speak it too, and a path that can be of this protocol only means nothing else. */
function assertProtocol({ spec }: CompiledRoute): void {
  if (spec.protocol === 'tensorflow-serving' || spec.protocol === 'http') return
  const fault = `endpoint ${spec.name} does not speak TensorFlow Serving; it speaks ${spec.protocol}`
  throw new CutoverError('route-not-found', fault)
}

function versionOf(route: CompiledRoute, { version, label }: ModelPath): string | null {
  return label === null ? version : labelled(route, label)
}

/** Throws version-not-found for a label that nobody has now. */
function labelled({ spec, table }: CompiledRoute, label: string): string {
  if (label === 'stable') return table.stable
  const others = new Set(table.segments.map(({ version }) => version).filter(version => version !== table.stable))
  const [canary] = others
  if (label === 'canary' && canary !== undefined && others.size === 1) return canary
  const why = label === 'canary' ? `${others.size} versions have traffic beside the stable one` : 'no such label'
  throw new CutoverError('version-not-found', `endpoint ${spec.name} has no version ${excerpt(label)}: ${why}`, [
    { path: 'label', message: why, value: excerpt(label), allowed: ['stable', 'canary'] },
  ])
}

/** As TensorFlow Serving tells it, with KServe's `ready` beside it. */
function status(
  context: GatewayContext,
  call: Call,
  { spec, table, versions }: CompiledRoute,
  one: string | null,
): void {
  const isReady = (version: string) => context.fleets.readyCount(spec.name, version) > 0
  const told = (one === null ? versions : [one]).map(version => ({
    version,
    state: isReady(version) ? 'AVAILABLE' : 'END',
    status: { error_code: 'OK', error_message: '' },
  }))
  const ready = isReady(one ?? table.stable)
  sendJson(call.outbound, 200, { name: spec.name, ready, model_version_status: told })
}

/** The model server's own words: it is asked, and no prediction is made of it. */
async function metadata(
  context: GatewayContext,
  { outbound }: Call,
  { spec, table }: CompiledRoute,
  version: string | null,
): Promise<void> {
  const wanted = version ?? table.stable
  const instance = context.fleets.pick(spec.name, wanted)
  if (instance === null) throw new CutoverError('not-ready', `version ${wanted} of endpoint ${spec.name} is not ready`)
  const controller = new AbortController()
  outbound.watch({ onAnswerDrain: () => {}, onAnswerClosed: () => controller.abort(callerLeft()) })
  const fields = 'accept: application/json\r\n'
  const call = { method: 'GET', path: `${prefix}${spec.name}/metadata`, fields, body: null, timeouts: spec.timeouts }
  const bounds = { bytesMax: limits.answerBytesMax, signal: controller.signal }
  const answer = await wholeAnswer(instance, call, bounds).catch((error: unknown) => {
    if (!(error instanceof CutoverError) || error.code !== 'body-too-large') throw error
    throw new CutoverError('backend-failed', `the metadata has more than ${limits.answerBytesMax} bytes`)
  })
  outbound.answer(answer.status, answer.fields, Buffer.from(answer.body), false)
}
