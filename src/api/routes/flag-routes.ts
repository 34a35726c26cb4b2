/** The routes of flags, as the OpenAPI document tells of them. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { applyAnswerSchema, changeSchema } from '../../contract/wire/change.ts'
import { explanationSchema, flagChangeSchema, flagSchema } from '../../contract/wire/flag.ts'
import { listOf } from '../../contract/wire/list.ts'
import { booleanQuery, json, problem, wholeNumber } from '../route-parts.ts'

export const flagdFile = z
  .looseObject({ flags: z.record(z.string(), z.unknown()) })
  .meta({ id: 'FlagdFile', description: 'https://flagd.dev/schema/v0/flags.json' })
export const byName = z.object({ name: z.string() })
export const dryRun = z.object({ dryRun: booleanQuery })
export const changeQuery = z.object({
  dryRun: booleanQuery,
  revision: wholeNumber({ min: 1 })
    .optional()
    .meta({ description: 'Refused (revision-conflict) unless it stands at this revision.' }),
})
const tags = ['flags']
const flagAnswer = { 200: json(flagSchema, 'The flag as it is now.'), ...problem }
const changeAnswer = { 200: json(changeSchema, 'What changed.'), ...problem }

export const flagRoutes = {
  list: createRoute({
    method: 'get',
    path: '/api/v1/flags',
    operationId: 'listFlags',
    tags,
    summary: 'All flags',
    responses: { 200: json(listOf(flagSchema), 'The flags, by name.'), ...problem },
  }),
  get: createRoute({
    method: 'get',
    path: '/api/v1/flags/{name}',
    operationId: 'getFlag',
    tags,
    summary: 'One flag',
    request: { params: byName },
    responses: flagAnswer,
  }),
  apply: createRoute({
    method: 'post',
    path: '/api/v1/flags',
    operationId: 'applyFlag',
    tags,
    summary: 'Apply one Flag document',
    request: { query: dryRun },
    responses: { ...changeAnswer, 201: json(changeSchema, 'Created.') },
  }),
  remove: createRoute({
    method: 'delete',
    path: '/api/v1/flags/{name}',
    operationId: 'deleteFlag',
    tags,
    summary: 'Delete a flag that nothing uses; undo brings it back',
    request: { params: byName },
    responses: { 204: { description: 'Deleted.' }, ...problem },
  }),
  history: createRoute({
    method: 'get',
    path: '/api/v1/flags/{name}/history',
    operationId: 'listFlagChanges',
    tags,
    summary: 'Who changed what, the newest first; of a deleted flag too',
    request: { params: byName },
    responses: { 200: json(listOf(flagChangeSchema), 'The changes.'), ...problem },
  }),
  undo: createRoute({
    method: 'post',
    path: '/api/v1/flags/{name}/undo',
    operationId: 'undoFlag',
    tags,
    summary: 'Take back the last change, or the deletion; again to have it once more',
    request: { params: byName, query: changeQuery },
    responses: changeAnswer,
  }),
  enable: switchRoute('enable', 'enableFlag', 'Switch a flag on'),
  disable: switchRoute('disable', 'disableFlag', 'The kill switch: everybody gets `off`'),
  serve: createRoute({
    method: 'post',
    path: '/api/v1/flags/{name}/serve',
    operationId: 'serveFlag',
    tags,
    summary: 'Serve a variant to everybody, or variants by percentage, by default or where a rule fits',
    request: { params: byName, query: changeQuery },
    responses: changeAnswer,
  }),
  evaluate: createRoute({
    method: 'post',
    path: '/api/v1/flags/{name}/evaluate',
    operationId: 'evaluateFlag',
    tags,
    summary: 'The value for a context, and which rule decided',
    request: { params: byName },
    responses: { 200: json(explanationSchema, 'The value and why.'), ...problem },
  }),
  importFile: createRoute({
    method: 'post',
    path: '/api/v1/flags/import',
    operationId: 'importFlags',
    tags,
    summary: 'Apply the flags of a flagd file, all or none',
    request: { query: dryRun },
    responses: { 200: json(applyAnswerSchema, 'One change per flag.'), ...problem },
  }),
}

function switchRoute<Verb extends 'enable' | 'disable'>(verb: Verb, operationId: string, summary: string) {
  return createRoute({
    method: 'post',
    path: `/api/v1/flags/{name}/${verb}` as const,
    operationId,
    tags,
    summary,
    request: { params: byName, query: changeQuery },
    responses: changeAnswer,
  })
}
