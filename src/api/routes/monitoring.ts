/** What is watched of an endpoint, with or without a release. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { listOf } from '../../contract/wire/list.ts'
import { monitoringSchema, signalSchema } from '../../contract/wire/monitoring.ts'
import { type Api, endpointState } from '../context.ts'
import { monitoringView, signalView } from '../monitoring-views.ts'
import { type App, json, problem } from '../route-parts.ts'

const byName = z.object({ name: z.string() })

const routes = {
  drift: createRoute({
    method: 'get',
    path: '/api/v1/endpoints/{name}/drift',
    operationId: 'getDrift',
    tags: ['endpoints'],
    summary: 'The stable version as it is watched: drift and limits, with the numbers',
    request: { params: byName },
    responses: { 200: json(monitoringSchema, 'What is watched.'), ...problem },
  }),
  labels: createRoute({
    method: 'get',
    path: '/api/v1/endpoints/{name}/labels',
    operationId: 'getLabelDelays',
    tags: ['endpoints'],
    summary: 'How late labels, rewards and reported values come, and for which share of the predictions',
    request: { params: byName },
    responses: { 200: json(listOf(signalSchema), 'One item for each kind of later value.'), ...problem },
  }),
}

export function registerMonitoring(app: App, { control }: Api): void {
  app.openapi(routes.drift, context => {
    const { name } = context.req.valid('param')
    return context.json(monitoringView(endpointState(control, name), control.look(name)), 200)
  })
  app.openapi(routes.labels, context => {
    const { name } = context.req.valid('param')
    endpointState(control, name)
    return context.json({ items: control.delays(name).map(signalView) }, 200)
  })
}
