/** A release that nobody starts, simulated in a given world or in the one that the log has recorded. */
import { createRoute } from '@hono/zod-openapi'
import type { z } from 'zod'
import { simulationRequestSchema, simulationSchema } from '../../contract/wire/simulation.ts'
import type { ReleaseRequest } from '../../controller/control-plane.ts'
import type { EndpointSpec } from '../../core/endpoint.ts'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { triedVersions } from '../../core/plan.ts'
import { type World, worldOf } from '../../core/simulate/from-log.ts'
import { type StageKind, stageKinds } from '../../core/stage-plans.ts'
import { compileDocument } from '../apply.ts'
import { readJson, validated } from '../bodies.ts'
import { type Api, endpointState } from '../context.ts'
import { type App, bodyOf, json, problem } from '../route-parts.ts'
import { type Contender, simulateAll } from '../simulating.ts'

const route = createRoute({
  method: 'post',
  path: '/api/v1/simulate',
  operationId: 'simulateRelease',
  tags: ['simulate'],
  summary: 'What a release would come to, many times over in virtual time',
  responses: { 200: json(simulationSchema, 'The shares of the runs; nothing is started.'), ...problem },
})

type SimulationRequest = z.output<typeof simulationRequestSchema>

export function registerSimulate(app: App, api: Api): void {
  let running = 0
  app.openAPIRegistry.registerPath({ ...route, request: bodyOf(simulationRequestSchema) })
  app.openapi({ ...route, hide: true }, async context => {
    const request = validated(simulationRequestSchema, await readJson(context), { what: 'the simulation' })
    if (running >= limits.simulationsAtOnceMax)
      throw new CutoverError('release-conflict', 'the server simulates something else; ask again when that is done')
    running += 1
    try {
      return context.json(await simulate(api, request), 200)
    } finally {
      running -= 1
    }
  })
}

async function simulate(api: Api, request: SimulationRequest) {
  const { spec: declared, stable } = endpointState(api.control, request.endpoint)
  // The version that serves now, whatever the document said at first.
  const written = compiled(api, request.release)
  const spec = withCandidate({ ...declared, stable }, written.to)
  const world = await worldFor(api, request, { spec, written })
  return simulateAll(
    {
      spec,
      to: written.to,
      contenders: contendersOf(api, request, written),
      scenarios: [world.scenario],
      seeds: { first: request.seed, count: request.seeds },
      cautions: world.cautions,
    },
    api,
  )
}

function compiled(api: Api, release: unknown): ReleaseRequest {
  const document = compileDocument(api, { kind: 'Release', ...(release as object) })
  if (document.kind === 'Release') return document.plan
  throw new CutoverError('invalid-request', 'what is simulated is a Release document')
}

/** A candidate that is not there yet runs as the stable version does. */
function withCandidate(spec: EndpointSpec, candidate: string): EndpointSpec {
  const like = spec.versions[spec.stable]
  if (Object.hasOwn(spec.versions, candidate) || like === undefined) return spec
  return { ...spec, versions: { ...spec.versions, [candidate]: { ...like, name: candidate } } }
}

async function worldFor(
  api: Api,
  { scenario, candidate }: SimulationRequest,
  { spec, written }: { spec: EndpointSpec; written: ReleaseRequest },
): Promise<World> {
  if (scenario !== undefined) return { scenario: api.rehearsals.scenario(scenario), cautions: [] }
  return worldOf(await api.recorded.traffic.measure(spec), {
    spec,
    stable: spec.stable,
    delays: api.control.delays(spec.name),
    versions: triedVersions(written),
    behave: like => api.rehearsals.behaviour(like, candidate),
  })
}

function contendersOf(api: Api, { release, compare }: SimulationRequest, written: ReleaseRequest): Contender[] {
  if (compare.length === 0)
    return [{ strategy: written.stages.map(({ kind }) => kind).join(', '), asked: () => written }]
  return compare.map(word => {
    const kind = kindOf(word)
    return { strategy: kind, asked: () => compiled(api, api.rehearsals.withStrategy(release, kind)) }
  })
}

function kindOf(word: string): StageKind {
  const kind = stageKinds.find(one => one === word)
  if (kind !== undefined) return kind
  throw new CutoverError('invalid-request', `${word} is no strategy`, [
    { path: 'compare', message: 'is no strategy', value: word, allowed: [...stageKinds] },
  ])
}
