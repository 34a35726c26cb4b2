/** Releases: start, read, follow, explain, and the verbs of an operator. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { type ReleaseResource, releaseResource } from '../../contract/resources.ts'
import { changeSchema } from '../../contract/wire/change.ts'
import { listOf } from '../../contract/wire/list.ts'
import {
  explanationSchema,
  releaseSchema,
  releaseSummarySchema,
  shortReleaseSchema,
  verbRequestSchema,
  type WireRelease,
  wireVerbs,
} from '../../contract/wire/release.ts'
import type { ReleaseView } from '../../controller/control-plane.ts'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { own } from '../../core/own.ts'
import { readerOf } from '../access.ts'
import { readJson, validated } from '../bodies.ts'
import { type Api, actorOf } from '../context.ts'
import { explanation, releaseSummary, releaseView } from '../release-views.ts'
import { type App, bodyOf, booleanQuery, json, optionalBodyOf, problem, wholeNumber } from '../route-parts.ts'
import { changeView } from '../views.ts'

const byId = z.object({ id: z.string() })
const filter = z.object({
  endpoint: z.string().optional(),
  /** Without it all of them: over the years they are thousands. */
  limit: wholeNumber({ min: 1, max: limits.pageMax }).optional(),
})
const startRequest = z.union([releaseResource, shortReleaseSchema])

const routes = {
  list: createRoute({
    method: 'get',
    path: '/api/v1/releases',
    operationId: 'listReleases',
    tags: ['releases'],
    summary: 'All releases, the newest first',
    request: { query: filter },
    responses: { 200: json(listOf(releaseSummarySchema), 'The releases.'), ...problem },
  }),
  start: createRoute({
    method: 'post',
    path: '/api/v1/releases',
    operationId: 'startRelease',
    tags: ['releases'],
    summary: 'Start a release, by a document or in short',
    request: { query: z.object({ dryRun: booleanQuery }) },
    responses: {
      200: json(changeSchema, 'What would be started, and what it will take; of a dry run.'),
      201: json(releaseSchema, 'Started.'),
      ...problem,
    },
  }),
  get: createRoute({
    method: 'get',
    path: '/api/v1/releases/{id}',
    operationId: 'getRelease',
    tags: ['releases'],
    summary: 'One release with its newest judgement and its story',
    request: { params: byId },
    responses: { 200: json(releaseSchema, 'The release.'), ...problem },
  }),
  explain: createRoute({
    method: 'get',
    path: '/api/v1/releases/{id}/explain',
    operationId: 'explainRelease',
    tags: ['releases'],
    summary: 'Every decision with the numbers that it rests on',
    request: { params: byId },
    responses: { 200: json(explanationSchema, 'The decisions.'), ...problem },
  }),
  follow: createRoute({
    method: 'get',
    path: '/api/v1/releases/{id}/events',
    operationId: 'followRelease',
    tags: ['releases'],
    summary: 'The story of a release as server-sent events, history first',
    description:
      'Each event is a TimelineEntry: `id` is its number, `event` its kind. Resumes after `Last-Event-ID`. ' +
      'Ends after the entry that ends the release; 204 if nothing is left to tell.',
    request: {
      params: byId,
      headers: z.object({
        'last-event-id': z
          .string()
          .regex(/^\d{1,15}$/, 'is not the id of an event')
          .optional(),
      }),
    },
    responses: {
      200: { description: 'The story.', content: { 'text/event-stream': { schema: z.string() } } },
      204: { description: 'The release has ended and nothing is left to tell.' },
      ...problem,
    },
  }),
  operate: createRoute({
    method: 'post',
    path: '/api/v1/releases/{id}/{verb}',
    operationId: 'operateRelease',
    tags: ['releases'],
    summary: 'Promote, pause, resume, approve, abort or roll back',
    request: { params: byId.extend({ verb: z.enum(wireVerbs) }) },
    responses: { 200: json(releaseSchema, 'The release after it.'), ...problem },
  }),
}

export function registerReleases(app: App, api: Api): void {
  registerReading(app, api)
  registerActing(app, api)
}

function registerReading(app: App, api: Api): void {
  const { control } = api
  app.openapi(routes.list, context => {
    const { endpoint, limit } = context.req.valid('query')
    const state = control.state()
    const items = Object.values(state.releases)
      .filter(({ plan }) => endpoint === undefined || plan.endpoint === endpoint)
      .toSorted((a, b) => b.startedAtMs - a.startedAtMs || b.id.localeCompare(a.id, 'en', { numeric: true }))
      .slice(0, limit)
      .map(release => releaseSummary(release, own(state.endpoints, release.plan.endpoint)))
    return context.json({ items }, 200)
  })
  app.openapi(routes.get, context => {
    const view = control.release(context.req.valid('param').id)
    return context.json(whole(api, view), 200)
  })
  app.openapi(routes.explain, context => {
    const { id } = context.req.valid('param')
    const view = control.release(id)
    const endpoint = own(control.state().endpoints, view.release.plan.endpoint)
    return context.json(explanation(view, endpoint, control.timeline(id)), 200)
  })
  app.openapi(routes.follow, context => {
    const resumed = context.req.valid('header')['last-event-id']
    const afterSeq = resumed === undefined ? null : Number(resumed)
    const isHead = context.req.method === 'HEAD'
    const release = context.req.valid('param').id
    return api.streams.open({ release, afterSeq, isHead, reader: readerOf(context) })
  })
}

function registerActing(app: App, api: Api): void {
  app.openAPIRegistry.registerPath({ ...routes.start, request: { ...routes.start.request, ...bodyOf(startRequest) } })
  app.openapi({ ...routes.start, hide: true }, async context => {
    const resource = readRelease(await readJson(context))
    const compiled = api.compile(resource)
    if (compiled.kind !== 'Release') throw new Error('a Release document became something else')
    const { dryRun } = context.req.valid('query')
    const request = { plan: compiled.plan, actor: actorOf(context), dryRun, again: true }
    const { change, release } = await api.turns(() => api.control.applyRelease(request))
    if (dryRun) return context.json(changeView(change, release), 200)
    if (release === null) throw notStarted(change.note)
    return context.json(whole(api, api.control.release(release)), 201)
  })
  const { params } = routes.operate.request
  app.openAPIRegistry.registerPath({ ...routes.operate, request: { params, ...optionalBodyOf(verbRequestSchema) } })
  app.openapi({ ...routes.operate, hide: true }, async context => {
    const { id, verb } = context.req.valid('param')
    const body = (await readJson(context)) ?? {}
    const { note = null, step = false } = validated(verbRequestSchema, body, { what: 'the body' })
    if (step && verb !== 'promote') throw stepOfOther(verb)
    const view = api.control.operate({ release: id, verb, actor: actorOf(context), note, step })
    return context.json(whole(api, view), 200)
  })
}

function whole(api: Api, view: ReleaseView): WireRelease {
  const { release } = view
  const endpoint = own(api.control.state().endpoints, release.plan.endpoint)
  return releaseView(view, endpoint, api.control.timeline(release.id))
}

/** A body that names its kind is a document; any other is the short form. */
function readRelease(body: unknown): ReleaseResource {
  const isDocument = typeof body === 'object' && body !== null && Object.hasOwn(body, 'kind')
  const what = 'the release'
  if (isDocument) return validated(releaseResource, body, { what, code: 'invalid-resource' })
  const { endpoint, to, strategy } = validated(shortReleaseSchema, body, { what, code: 'invalid-resource' })
  if (strategy === 'abTest') throw needsGoal(to)
  const document = { kind: 'Release', endpoint, to, stages: [{ [strategy]: {} }] }
  return validated(releaseResource, document, { what, code: 'invalid-resource' })
}

function stepOfOther(verb: string): CutoverError {
  return new CutoverError('invalid-request', `${verb} has no step`, [
    { path: 'step', message: 'goes with promote alone', value: true, allowed: ['promote'] },
  ])
}

/** What a test is to show has no default. */
function needsGoal(to: string): CutoverError {
  const stage = 'stages: [ { abTest: { goal: { metric: conversion, improve: increase, minimum-effect: 2% } } } ]'
  return new CutoverError('invalid-resource', `an A/B test of ${to} needs a goal, which the short form cannot tell`, [
    {
      path: 'strategy',
      message: `name what ${to} is to improve, in a Release file with a metric of the endpoint: ${stage}`,
      value: 'abTest',
    },
  ])
}

function notStarted(note: string | null): CutoverError {
  return new CutoverError('release-state', note ?? 'there is nothing to release: the version is stable already')
}
