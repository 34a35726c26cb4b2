/** Which versions take tensors as bytes (`binary_tensor_data`). A model server says so at `GET /v2`, and is asked there once. */
import type { EndpointSpec } from '../../core/endpoint.ts'
import { ruleVersions } from '../../core/endpoint-rules.ts'
import { limits } from '../../core/limits.ts'
import type { Instance } from '../../ports/backend.ts'
import { wholeAnswer } from '../../ports/whole-answer.ts'
import type { GatewayContext } from '../context.ts'
import type { CompiledRoute } from '../route.ts'

export const binaryExtension = 'binary_tensor_data'

/** Whether a request to the endpoint, or to the pinned version of it, may have its tensors as bytes. */
export type BinarySupport = (route: CompiledRoute, pin: string | null) => Promise<boolean>

type Known = { takes: Promise<boolean>; atMs: number }

export function createBinarySupport({ fleets, clock }: Pick<GatewayContext, 'fleets' | 'clock'>): BinarySupport {
  // By instance: what a server said is forgotten with it.
  const known = new WeakMap<Instance, Known>()
  const takes = (instance: Instance, spec: EndpointSpec): Promise<boolean> => {
    const before = known.get(instance)
    const atMs = clock.nowMs()
    if (before !== undefined && atMs - before.atMs < limits.extensionsKnownMs) return before.takes
    const asked = ask(instance, spec)
    known.set(instance, { takes: asked, atMs })
    return asked
  }
  return async (route, pin) => {
    const versions = versionsOf(route, pin)
    const instances = versions.flatMap(version => fleets.pick(route.spec.name, version) ?? [])
    const answers = await Promise.all(instances.map(instance => takes(instance, route.spec)))
    return answers.length > 0 && answers.every(Boolean)
  }
}

/** All that may get the request: the body is made before it is known which one does, and challengers get the same. */
function versionsOf({ table, spec }: CompiledRoute, pin: string | null): readonly string[] {
  if (pin !== null) return [pin]
  const weighted = Object.entries(table.weights).flatMap(([version, ppm]) => (ppm > 0 ? [version] : []))
  const ruled = [...ruleVersions(spec), ...table.rules.map(({ version }) => version)]
  const mirrored = (table.mirrors ?? []).map(({ version }) => version)
  const outside = table.scope === undefined ? [] : [table.scope.outside]
  return [...new Set([table.stable, ...weighted, ...ruled, ...mirrored, ...outside])]
}

/** A server that does not answer this does not say that it takes them. */
async function ask(instance: Instance, { timeouts }: EndpointSpec): Promise<boolean> {
  const own = instance.metadata()
  if (own !== null) return own.extensions?.includes(binaryExtension) ?? false
  const call = {
    method: 'GET',
    path: '/v2',
    fields: 'accept: application/json\r\n',
    body: null,
    timeouts: { ...timeouts, totalMs: limits.extensionsTimeoutMs },
  }
  try {
    const { status, body } = await wholeAnswer(instance, call, { bytesMax: limits.answerBytesMax })
    const { extensions } = JSON.parse(Buffer.from(body).toString('utf8'))
    return status === 200 && Array.isArray(extensions) && extensions.includes(binaryExtension)
  } catch {
    return false
  }
}
