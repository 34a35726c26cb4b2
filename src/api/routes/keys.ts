/** API keys: made, listed, rotated, revoked. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { parseDurationMs } from '../../contract/units.ts'
import { issuedKeySchema, keyRequestSchema, keyRotationSchema, keySchema } from '../../contract/wire/key.ts'
import { listOf } from '../../contract/wire/list.ts'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { readJson, validated } from '../bodies.ts'
import { type Api, actorOf } from '../context.ts'
import { issuedKeyView, keyView } from '../key-views.ts'
import { type App, bodyOf, json, optionalBodyOf, problem } from '../route-parts.ts'

const byKey = z.object({ key: z.string().meta({ description: 'Id or name.' }) })

const routes = {
  list: createRoute({
    method: 'get',
    path: '/api/v1/keys',
    operationId: 'listKeys',
    tags: ['keys'],
    summary: 'The API keys that there are, without their secrets',
    responses: { 200: json(listOf(keySchema), 'The keys.'), ...problem },
  }),
  create: createRoute({
    method: 'post',
    path: '/api/v1/keys',
    operationId: 'createKey',
    tags: ['keys'],
    summary: 'Make a key; its text is in this answer alone',
    responses: { 201: json(issuedKeySchema, 'Made.'), ...problem },
  }),
  rotate: createRoute({
    method: 'post',
    path: '/api/v1/keys/{key}/rotate',
    operationId: 'rotateKey',
    tags: ['keys'],
    summary: 'Give a key a new secret; the old one counts for a while longer',
    request: { params: byKey },
    responses: { 200: json(issuedKeySchema, 'Rotated.'), ...problem },
  }),
  revoke: createRoute({
    method: 'delete',
    path: '/api/v1/keys/{key}',
    operationId: 'revokeKey',
    tags: ['keys'],
    summary: 'End a key at once',
    request: { params: byKey },
    responses: { 204: { description: 'Revoked.' }, ...problem },
  }),
}

/** What holds a secret is kept by nobody on the way. */
const unstored = { 'cache-control': 'no-store' }

export function registerKeys(app: App, api: Api): void {
  const { keys } = api.control
  app.openapi(routes.list, context => context.json({ items: keys.list().map(keyView) }, 200))
  app.openAPIRegistry.registerPath({ ...routes.create, request: bodyOf(keyRequestSchema) })
  app.openapi({ ...routes.create, hide: true }, async context => {
    const request = validated(keyRequestSchema, await readJson(context), { what: 'the key' })
    const actor = actorOf(context)
    const issued = keys.create({ ...toKey(request, api.clock.nowMs()), actor })
    return context.json(issuedKeyView(issued, api.control.state()), 201, unstored)
  })
  app.openAPIRegistry.registerPath({
    ...routes.rotate,
    request: { params: byKey, ...optionalBodyOf(keyRotationSchema) },
  })
  app.openapi({ ...routes.rotate, hide: true }, async context => {
    const { keep } = validated(keyRotationSchema, (await readJson(context)) ?? {}, { what: 'the rotation' })
    const { key } = context.req.valid('param')
    const issued = keys.rotate({ key, keepMs: overlapMs(keep), actor: actorOf(context) })
    return context.json(issuedKeyView(issued, api.control.state()), 200, unstored)
  })
  app.openapi(routes.revoke, context => {
    keys.revoke({ key: context.req.valid('param').key, actor: actorOf(context) })
    return context.body(null, 204)
  })
}

function toKey(request: z.output<typeof keyRequestSchema>, nowMs: number) {
  const { name, role, endpoints, rate, concurrency, expires } = request
  refuseEndpoints(role, endpoints)
  return {
    name,
    role,
    endpoints: endpoints ?? null,
    rate: rate === undefined ? null : { perSecond: rate.perSecond, burst: rate.burst ?? Math.max(1, rate.perSecond) },
    concurrencyMax: concurrency ?? null,
    expiresAtMs: expires === undefined ? null : nowMs + (parseDurationMs(expires) ?? 0),
  }
}

/** Roles of the control listener are for the server as a whole: a list would only look like a restriction. */
function refuseEndpoints(role: string, endpoints: readonly string[] | undefined): void {
  if (endpoints === undefined || role === 'call') return
  throw new CutoverError('invalid-request', `a key of the role ${role} cannot be held to some endpoints`, [
    { path: 'endpoints', message: 'is of keys that call', value: endpoints, allowed: ['role: call'] },
  ])
}

function overlapMs(keep: string): number {
  const keepMs = parseDurationMs(keep) ?? 0
  if (keepMs <= limits.keyOverlapMsMax) return keepMs
  throw new CutoverError('invalid-request', 'a secret that was rotated cannot count on for so long', [
    { path: 'keep', message: 'is too long', value: keep, allowed: ['0s to 30d'] },
  ])
}
