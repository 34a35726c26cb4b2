/** Which strategy to use: what the endpoint tells is put beside what people say, and every plan is weighed. */
import { createRoute } from '@hono/zod-openapi'
import { releaseResource } from '../../contract/resources.ts'
import { adviceRequestSchema, adviceSchema } from '../../contract/wire/advice.ts'
import { advise, goalCheckOf, type Planner } from '../../core/advise/advise.ts'
import { turned } from '../../core/advise/baseline.ts'
import { type Answers, type Seen, type Situation, situationOf, type Told } from '../../core/advise/situation.ts'
import type { BaselineAnswer } from '../../core/hypothesis.ts'
import type { EndpointState } from '../../core/state.ts'
import { answersOf } from '../advice-request.ts'
import { adviceView } from '../advice-view.ts'
import { readJson, validated } from '../bodies.ts'
import { type Api, endpointState } from '../context.ts'
import { type App, bodyOf, json, problem } from '../route-parts.ts'

const route = createRoute({
  method: 'post',
  path: '/api/v1/advise',
  operationId: 'adviseRelease',
  tags: ['advise'],
  summary: 'Which strategy to use: every plan, ranked, with reasons, numbers and its release file',
  responses: { 200: json(adviceSchema, 'The plans, the best first.'), ...problem },
})

const dayMs = 86_400_000
/** What is taken for the present of error rate, latency and users. */
const lookBackMs = 7 * dayMs

export function registerAdvise(app: App, api: Api): void {
  app.openAPIRegistry.registerPath({ ...route, request: bodyOf(adviceRequestSchema) })
  app.openapi({ ...route, hide: true }, async context => {
    const request = validated(adviceRequestSchema, await readJson(context), { what: 'the question' })
    const endpoint = endpointState(api.control, request.endpoint)
    const answers = answersOf(request, endpoint)
    const planner = plannerOf(api)
    const situation = await situationNow(api, { endpoint, answers, planner })
    return context.json(adviceView(situation, advise(situation, planner)), 200)
  })
}

/** As the server would plan a document that somebody applied. */
function plannerOf({ compile, control }: Api): Planner {
  return draft => {
    const compiled = compile(validated(releaseResource, draft, { what: 'the advised release' }))
    if (compiled.kind !== 'Release') throw new Error('a Release document became something else')
    return control.consider(compiled.plan)
  }
}

type Asked = { endpoint: EndpointState; answers: Answers; planner: Planner }

/** The goal has to be known before its baseline can be read. */
async function situationNow(api: Api, { endpoint, answers, planner }: Asked): Promise<Situation> {
  const { spec, stable } = endpoint
  const told: Told = {
    requestsPerSecond: api.control.rate(spec.name),
    seen: await seenOf(api, endpoint),
    delays: api.control.delays(spec.name),
    baseline: null,
  }
  const goal = goalCheckOf(situationOf({ spec, stable, answers, told }), planner)
  if (goal === null) return situationOf({ spec, stable, answers, told })
  const read = await api.control.baseline({ endpoint: spec.name, version: stable, goal })
  const baseline: BaselineAnswer = read.known ? { known: true, baseline: turned(goal, read.baseline) } : read
  return situationOf({ spec, stable, answers, told: { ...told, baseline } })
}

async function seenOf({ analytics, clock }: Api, { spec, stable }: EndpointState): Promise<Seen | null> {
  const range = { endpoint: spec.name, sinceMs: clock.nowMs() - lookBackMs }
  const rows = await analytics.summarise({ ...range, groupBy: ['version'] })
  const row = rows.find(({ key }) => key.version === stable)
  if (row === undefined) return null
  const { requests, errors, units, labelled, wrong, latencyMs } = row
  return { requests, errors, units, labelled, wrong, latencyP95Ms: latencyMs?.p95 ?? null }
}
