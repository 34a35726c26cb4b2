/** Segments: who is in them, who changed them, and the way back. */
import { createRoute } from '@hono/zod-openapi'
import { segmentResource } from '../../contract/flags/flag.ts'
import { changeSchema } from '../../contract/wire/change.ts'
import { segmentChangeSchema, segmentSchema } from '../../contract/wire/flag.ts'
import { listOf } from '../../contract/wire/list.ts'
import { segmentDifferences, segmentNotFound } from '../../controller/admission/segments.ts'
import { type FlagsState, noFlags } from '../../core/flags/flags-state.ts'
import { own } from '../../core/own.ts'
import { applyOne } from '../apply-one.ts'
import { type Api, actorOf } from '../context.ts'
import { segmentHistoryView, segmentView } from '../flag-views.ts'
import { assertRevision } from '../revisions.ts'
import { type App, bodyOf, json, problem } from '../route-parts.ts'
import { changeView } from '../views.ts'
import { byName, changeQuery, dryRun } from './flag-routes.ts'

const tags = ['flags']

const routes = {
  list: createRoute({
    method: 'get',
    path: '/api/v1/segments',
    operationId: 'listSegments',
    tags,
    summary: 'All segments',
    responses: { 200: json(listOf(segmentSchema), 'The segments, by name.'), ...problem },
  }),
  get: createRoute({
    method: 'get',
    path: '/api/v1/segments/{name}',
    operationId: 'getSegment',
    tags,
    summary: 'One segment',
    request: { params: byName },
    responses: { 200: json(segmentSchema, 'The segment.'), ...problem },
  }),
  apply: createRoute({
    method: 'post',
    path: '/api/v1/segments',
    operationId: 'applySegment',
    tags,
    summary: 'Apply one Segment document',
    request: { query: dryRun },
    responses: { 200: json(changeSchema, 'What changed.'), 201: json(changeSchema, 'Created.'), ...problem },
  }),
  remove: createRoute({
    method: 'delete',
    path: '/api/v1/segments/{name}',
    operationId: 'deleteSegment',
    tags,
    summary: 'Delete a segment that no flag names; undo brings it back',
    request: { params: byName },
    responses: { 204: { description: 'Deleted.' }, ...problem },
  }),
  history: createRoute({
    method: 'get',
    path: '/api/v1/segments/{name}/history',
    operationId: 'listSegmentChanges',
    tags,
    summary: 'Who changed what, the newest first; of a deleted segment too',
    request: { params: byName },
    responses: { 200: json(listOf(segmentChangeSchema), 'The changes.'), ...problem },
  }),
  undo: createRoute({
    method: 'post',
    path: '/api/v1/segments/{name}/undo',
    operationId: 'undoSegment',
    tags,
    summary: 'Take back the last change, or the deletion; again to have it once more',
    request: { params: byName, query: changeQuery },
    responses: { 200: json(changeSchema, 'What changed.'), ...problem },
  }),
}

export function registerSegments(app: App, api: Api): void {
  registerReading(app, api)
  registerChanging(app, api)
}

function registerReading(app: App, api: Api): void {
  app.openapi(routes.list, context => {
    const known = flagsOf(api)
    const names = Object.keys(known.segments).toSorted()
    return context.json({ items: names.map(name => viewOf(known, name)) }, 200)
  })
  app.openapi(routes.get, context => context.json(viewOf(flagsOf(api), context.req.valid('param').name), 200))
  app.openapi(routes.history, context => {
    const { name } = context.req.valid('param')
    const { segmentHistories = {}, ...known } = flagsOf(api)
    const history = own(segmentHistories, name)
    if (history === undefined && own(known.segments, name) === undefined) throw segmentNotFound(known, name)
    return context.json({ items: segmentHistoryView(history ?? { changes: [] }, segmentDifferences) }, 200)
  })
}

function registerChanging(app: App, api: Api): void {
  app.openAPIRegistry.registerPath({ ...routes.apply, request: { query: dryRun, ...bodyOf(segmentResource) } })
  app.openapi({ ...routes.apply, hide: true }, async context => {
    const { dryRun } = context.req.valid('query')
    const { change, status } = await applyOne(api, context, {
      schema: segmentResource,
      what: 'the Segment document',
      dryRun,
    })
    return context.json(change, status)
  })
  app.openapi(routes.remove, context => {
    api.control.deleteSegment({ segment: context.req.valid('param').name, actor: actorOf(context) })
    return context.body(null, 204)
  })
  app.openapi(routes.undo, context => {
    const { name: segment } = context.req.valid('param')
    const { dryRun, revision } = context.req.valid('query')
    assertRevision(`segment ${segment}`, own(flagsOf(api).segmentHistories ?? {}, segment)?.changes, revision)
    return context.json(changeView(api.control.undoSegment({ segment, actor: actorOf(context), dryRun }), null), 200)
  })
}

function flagsOf({ control }: Api): FlagsState {
  return control.state().flags ?? noFlags
}

function viewOf(known: FlagsState, name: string) {
  const spec = own(known.segments, name)
  if (spec === undefined) throw segmentNotFound(known, name)
  return segmentView(spec, known)
}
