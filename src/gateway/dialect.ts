/**
 * In which shape an error is told: in the dialect of its path, and at the base address of an endpoint in that of its servers.
 * Who may not know of an endpoint learns nothing of it by the shape either: then the path alone says it.
 */
import { AccessError } from '../core/access/refusals.ts'
import type { CutoverError } from '../core/errors.ts'
import type { ErrorShape } from './errors.ts'
import { endpointNamedBy } from './named-endpoint.ts'
import { httpPrefix, pathBehind, shapesBehind } from './protocols/http.ts'
import { openAiOperation } from './protocols/openai.ts'
import { isModelCall } from './protocols/tensorflow-serving.ts'
import type { RouteTable } from './route.ts'
import { isOfrep, isOpenInference, type Target } from './target.ts'

/** By the path alone, where nothing is known of endpoints. */
export function shapeOf(target: Target | null): ErrorShape {
  if (target === null) return 'problem'
  const { path } = target
  if (isOpenInference(path)) return 'open-inference'
  if (isOfrep(path)) return 'ofrep'
  if (path.startsWith(httpPrefix)) return shapeBehind(pathBehind(path))
  if (isModelCall(path)) return 'open-inference'
  return isOpenAi(path) ? 'openai' : 'problem'
}

export function shapeAt(routes: RouteTable, target: Target | null, error: CutoverError): ErrorShape {
  const name = target === null || error instanceof AccessError ? null : endpointNamedBy(target.path)
  const protocol = name === null ? undefined : routes.get(name)?.spec.protocol
  if (target === null || protocol === undefined) return shapeOf(target)
  if (target.path.startsWith(httpPrefix)) return shapesBehind[protocol]
  // Two protocols share `/v1/models/{name}`.
  return protocol === 'tensorflow-serving' ? 'open-inference' : shapeOf(target)
}

/** By the path that a model server would get. */
function shapeBehind(path: string): ErrorShape {
  if (isModelCall(path)) return 'open-inference'
  return openAiOperation(path) === null ? 'problem' : 'openai'
}

/** `/v1/feedback` is our own; `:predict` and its like are TensorFlow Serving's. */
function isOpenAi(path: string): boolean {
  return path.startsWith('/openai/v1/') || (path.startsWith('/v1/') && path !== '/v1/feedback')
}
