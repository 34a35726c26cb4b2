/** What was recorded: events of the log, and predictions with their outcomes. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { deliverySchema, deliveryStates, eventSchema } from '../../contract/wire/event.ts'
import { listOf } from '../../contract/wire/list.ts'
import { timeAsked } from '../../contract/wire/parts.ts'
import { predictionSchema, summaryDimensions, summaryRowSchema } from '../../contract/wire/prediction.ts'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { SummaryDimension } from '../../ports/analytics.ts'
import { type Api, endpointState } from '../context.ts'
import { logPage } from '../log-pages.ts'
import { type App, json, problem, wholeQuery } from '../route-parts.ts'
import { deliveryView, eventView, predictionView, summaryRowView } from '../views.ts'

const limit = wholeQuery({ min: 1, max: limits.pageMax, fallback: 100 })
const shadows = z
  .enum(['true', 'false'])
  .default('false')
  .meta({ description: 'Whether answers of challengers to copies of requests are among them.' })
const after = wholeQuery({ min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 })

const eventList = z.object({
  items: z.array(eventSchema),
  next: z.int().meta({ description: 'Pass it as `after` for what follows.' }),
})

const routes = {
  events: createRoute({
    method: 'get',
    path: '/api/v1/events',
    operationId: 'listEvents',
    tags: ['events'],
    summary: 'The log, in order',
    request: { query: z.object({ after, limit, release: z.string().optional() }) },
    responses: { 200: json(eventList, 'The events.'), ...problem },
  }),
  deliveries: createRoute({
    method: 'get',
    path: '/api/v1/deliveries',
    operationId: 'listDeliveries',
    tags: ['events'],
    summary: 'What webhooks were told, the newest first',
    request: {
      query: z.object({ endpoint: z.string().optional(), state: z.enum(deliveryStates).optional(), limit }),
    },
    responses: { 200: json(listOf(deliverySchema), 'The deliveries.'), ...problem },
  }),
  predictions: createRoute({
    method: 'get',
    path: '/api/v1/predictions',
    operationId: 'listPredictions',
    tags: ['predictions'],
    summary: 'Predictions, the newest first',
    request: { query: z.object({ endpoint: z.string().optional(), version: z.string().optional(), shadows, limit }) },
    responses: { 200: json(listOf(predictionSchema), 'The predictions, without payloads.'), ...problem },
  }),
  summary: createRoute({
    method: 'get',
    path: '/api/v1/predictions/summary',
    operationId: 'summarisePredictions',
    tags: ['predictions'],
    summary: 'The whole recorded log of an endpoint, added up by the dimensions that are named',
    request: {
      query: z.object({
        endpoint: z.string(),
        by: z
          .string()
          .default('version')
          .meta({ description: `Dimensions, separated by commas: ${summaryDimensions.join(', ')}.` }),
        release: z.string().optional(),
        since: timeAsked.optional(),
        until: timeAsked.optional(),
      }),
    },
    responses: { 200: json(listOf(summaryRowSchema), 'A row for each group.'), ...problem },
  }),
  prediction: createRoute({
    method: 'get',
    path: '/api/v1/predictions/{id}',
    operationId: 'getPrediction',
    tags: ['predictions'],
    summary: 'One prediction with its payload, if kept',
    request: { params: z.object({ id: z.string() }) },
    responses: { 200: json(predictionSchema, 'The prediction.'), ...problem },
  }),
}

export function registerRecords(app: App, api: Api): void {
  app.openapi(routes.events, async context => {
    const { after: afterSeq, limit, release } = context.req.valid('query')
    const { events, lastSeq } = await logPage(api.control, { afterSeq, limit, release })
    return context.json({ items: events.map(eventView), next: lastSeq }, 200)
  })
  app.openapi(routes.deliveries, context => {
    const { endpoint, state, limit } = context.req.valid('query')
    const query = { limit, ...(endpoint !== undefined && { endpoint }), ...(state !== undefined && { state }) }
    return context.json({ items: api.deliveries.list(query).map(deliveryView) }, 200)
  })
  app.openapi(routes.predictions, async context => {
    const { endpoint, version, shadows, limit } = context.req.valid('query')
    const where = { ...(endpoint !== undefined && { endpoint }), ...(version !== undefined && { version }) }
    const query = { ...where, shadows: shadows === 'true', limit }
    const found = await api.predictions.find(query)
    return context.json({ items: found.map(one => predictionView(one, { payload: false })) }, 200)
  })
  app.openapi(routes.summary, async context => {
    const { endpoint, by, release, since, until } = context.req.valid('query')
    endpointState(api.control, endpoint)
    const rows = await api.analytics.summarise({
      endpoint,
      groupBy: dimensionsOf(by),
      ...(release !== undefined && { release: releaseOf(api, release, endpoint) }),
      ...rangeOf(since, until),
    })
    return context.json({ items: rows.map(summaryRowView) }, 200)
  })
  app.openapi(routes.prediction, async context => {
    const { id } = context.req.valid('param')
    const [found] = await api.predictions.find({ id, limit: 1 })
    if (found === undefined) {
      throw new CutoverError('prediction-not-found', `there is no prediction ${id}; predictions are visible within 1 s`)
    }
    return context.json(predictionView(found, { payload: true }), 200)
  })
}

/** Throws where there is no such release: no rows would look as if it had had no traffic. */
function releaseOf({ control }: Api, id: string, endpoint: string): string {
  const { plan } = control.release(id).release
  if (plan.endpoint === endpoint) return id
  throw new CutoverError('invalid-request', `release ${id} is of ${plan.endpoint}, not of ${endpoint}`, [
    { path: 'release', message: `is a release of ${plan.endpoint}`, value: id },
  ])
}

function rangeOf(since: string | undefined, until: string | undefined): { sinceMs?: number; untilMs?: number } {
  const [sinceMs, untilMs] = [since, until].map(text => (text === undefined ? undefined : Date.parse(text)))
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs >= untilMs)
    throw new CutoverError('invalid-request', 'nothing lies between `since` and `until`', [
      { path: 'until', message: 'is not after `since`', value: until, allowed: [`a time after ${since}`] },
    ])
  return { ...(sinceMs !== undefined && { sinceMs }), ...(untilMs !== undefined && { untilMs }) }
}

function dimensionsOf(text: string): SummaryDimension[] {
  const names = text === '' ? [] : [...new Set(text.split(','))]
  return names.map(name => {
    const known = summaryDimensions.find(dimension => dimension === name)
    if (known !== undefined) return known
    throw new CutoverError('invalid-request', `the log is not added up by ${name}`, [
      { path: 'by', message: 'is not a dimension', value: name, allowed: summaryDimensions },
    ])
  })
}
