/** Flags: what there is, who changed it, the switch, shares, and why a context gets a value. */
import type { z } from 'zod'
import { flagResource } from '../../contract/flags/flag.ts'
import { readFlagdFile } from '../../contract/flags/flagd-file.ts'
import { parsePercentPpm } from '../../contract/units.ts'
import { evaluateRequestSchema, noteRequestSchema, serveRequestSchema } from '../../contract/wire/flag.ts'
import { differences } from '../../controller/admission/differences.ts'
import { CutoverError } from '../../core/errors.ts'
import { withEnabled, withServe } from '../../core/flags/edit.ts'
import { explainFlag } from '../../core/flags/explain.ts'
import type { FlagSpec, Serve } from '../../core/flags/flag.ts'
import { type FlagState, type FlagsState, noFlags } from '../../core/flags/flags-state.ts'
import { usesByFlag } from '../../core/flags/uses.ts'
import { own } from '../../core/own.ts'
import { assertWeights } from '../../core/traffic.ts'
import { applyDocuments } from '../apply.ts'
import { applyOne } from '../apply-one.ts'
import { readJson, validated } from '../bodies.ts'
import { type Api, actorOf } from '../context.ts'
import { explanationView, flagView, historyView } from '../flag-views.ts'
import { assertRevision } from '../revisions.ts'
import { type App, bodyOf, optionalBodyOf } from '../route-parts.ts'
import { changeView } from '../views.ts'
import { byName, changeQuery, dryRun, flagdFile, flagRoutes as routes } from './flag-routes.ts'

/** The most flags that one file may carry. */
const documentsMax = 5_000

export function registerFlags(app: App, api: Api): void {
  registerReading(app, api)
  registerApplying(app, api)
  registerChanging(app, api)
}

function registerReading(app: App, api: Api): void {
  const { clock } = api
  app.openapi(routes.list, context => {
    const uses = usesByFlag(api.control.state())
    const flags = byNameOrder(Object.values(flagsOf(api).flags))
    const items = flags.map(flag => flagView(flag, uses.get(flag.spec.name) ?? [], clock.nowMs()))
    return context.json({ items }, 200)
  })
  app.openapi(routes.get, context => {
    const flag = flagState(api, context.req.valid('param').name)
    const uses = usesByFlag(api.control.state()).get(flag.spec.name) ?? []
    return context.json(flagView(flag, uses, clock.nowMs()), 200)
  })
  app.openapi(routes.history, context => {
    const { name } = context.req.valid('param')
    const flag = own(flagsOf(api).flags, name) ?? own(flagsOf(api).deleted, name) ?? flagState(api, name)
    return context.json({ items: historyView(flag.changes, differences) }, 200)
  })
  app.openAPIRegistry.registerPath({
    ...routes.evaluate,
    request: { params: byName, ...optionalBodyOf(evaluateRequestSchema) },
  })
  app.openapi({ ...routes.evaluate, hide: true }, async context => {
    const { name } = context.req.valid('param')
    const asked = validated(evaluateRequestSchema, (await readJson(context)) ?? {}, { what: 'the question' })
    const nowMs = asked.at === undefined ? clock.nowMs() : Date.parse(asked.at)
    const explained = explainFlag(flagsOf(api), name, asked.context, nowMs)
    if (explained === null) flagState(api, name)
    else return context.json(explanationView(name, explained), 200)
    throw new Error('a flag that is there was not explained')
  })
}

function registerApplying(app: App, api: Api): void {
  app.openAPIRegistry.registerPath({ ...routes.apply, request: { query: dryRun, ...bodyOf(flagResource) } })
  app.openapi({ ...routes.apply, hide: true }, async context => {
    const { dryRun } = context.req.valid('query')
    const { change, status } = await applyOne(api, context, { schema: flagResource, what: 'the Flag document', dryRun })
    return context.json(change, status)
  })
  app.openapi(routes.remove, context => {
    api.control.deleteFlag({ flag: context.req.valid('param').name, actor: actorOf(context) })
    return context.body(null, 204)
  })
  app.openAPIRegistry.registerPath({ ...routes.importFile, request: { query: dryRun, ...bodyOf(flagdFile) } })
  app.openapi({ ...routes.importFile, hide: true }, async context => {
    const { dryRun } = context.req.valid('query')
    const changes = await importFile(api, await readJson(context), { actor: actorOf(context), dryRun })
    return context.json({ dryRun, changes }, 200)
  })
  app.openapi(routes.undo, context => {
    const { name: flag } = context.req.valid('param')
    const { dryRun, revision } = context.req.valid('query')
    const known = own(flagsOf(api).flags, flag) ?? own(flagsOf(api).deleted, flag)
    assertRevision(`flag ${flag}`, known?.changes, revision)
    return context.json(changeView(api.control.undoFlag({ flag, actor: actorOf(context), dryRun }), null), 200)
  })
}

function registerChanging(app: App, api: Api): void {
  for (const verb of ['enable', 'disable'] as const) {
    const route = routes[verb]
    app.openAPIRegistry.registerPath({
      ...route,
      request: { params: byName, query: changeQuery, ...optionalBodyOf(noteRequestSchema) },
    })
    app.openapi({ ...route, hide: true }, async context => {
      const { note } = validated(noteRequestSchema, (await readJson(context)) ?? {}, { what: 'the body' })
      const { dryRun, revision } = context.req.valid('query')
      const spec = withEnabled(specAt(api, context.req.valid('param').name, revision), verb === 'enable')
      return context.json(change(api, spec, { actor: actorOf(context), note: noted(`${verb}d`, note), dryRun }), 200)
    })
  }
  app.openAPIRegistry.registerPath({
    ...routes.serve,
    request: { params: byName, query: changeQuery, ...bodyOf(serveRequestSchema) },
  })
  app.openapi({ ...routes.serve, hide: true }, async context => {
    const asked = validated(serveRequestSchema, await readJson(context), { what: 'the body' })
    const { dryRun, revision } = context.req.valid('query')
    const spec = specAt(api, context.req.valid('param').name, revision)
    const served = withServe(spec, serveOf(asked), asked.rule ?? null)
    return context.json(change(api, served, { actor: actorOf(context), note: asked.note ?? null, dryRun }), 200)
  })
}

/** Faults are told at the place in flagd's file. */
async function importFile(api: Api, body: unknown, word: { actor: string; dryRun: boolean }) {
  const { documents, faults } = readFlagdFile(body)
  if (faults.length > 0)
    throw new CutoverError('invalid-resource', 'the flagd file is not valid; nothing has changed', faults)
  if (documents.length > documentsMax)
    throw new CutoverError(
      'invalid-request',
      `the file holds ${documents.length} flags; at most ${documentsMax} at once`,
    )
  try {
    return await applyDocuments(api, { documents: documents.map(({ document }) => document), base: ['flags'], ...word })
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error
    const place = (path: string) =>
      path.replace(/^flags\[(\d+)\]/, (_, index) => `flags.${documents[Number(index)]?.name}`)
    const problems = error.problems.map(one => ({ ...one, path: place(one.path) }))
    throw new CutoverError(error.code, error.message, problems, error)
  }
}

function change(api: Api, spec: FlagSpec, word: { actor: string; note: string | null; dryRun: boolean }) {
  return changeView(api.control.applyFlag({ spec, ...word }), null)
}

function noted(what: string, why: string | undefined): string {
  return why === undefined ? what : `${what}: ${why}`
}

function flagsOf({ control }: Api): FlagsState {
  return control.state().flags ?? noFlags
}

function flagState(api: Api, name: string): FlagState {
  const { flags } = flagsOf(api)
  const found = own(flags, name)
  if (found !== undefined) return found
  throw new CutoverError('flag-not-found', `there is no flag ${name}`, [
    { path: 'flag', message: 'is not a flag', value: name, allowed: Object.keys(flags).slice(0, 100) },
  ])
}

/** What is changed, as the caller has seen it. */
function specAt(api: Api, name: string, revision: number | undefined): FlagSpec {
  const { spec, changes } = flagState(api, name)
  assertRevision(`flag ${name}`, changes, revision)
  return spec
}

function byNameOrder(flags: readonly FlagState[]): FlagState[] {
  return flags.toSorted((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
}

/** Throws invalid-request unless it is one variant, or percentages that are 100 in all. */
function serveOf({ variant, rollout, by }: z.infer<typeof serveRequestSchema>): Serve {
  if ((variant === undefined) === (rollout === undefined))
    throw refused('takes one of variant and rollout', 'variant', variant, ['variant', 'rollout'])
  if (variant !== undefined && by !== undefined)
    throw refused('is of a rollout, and there is none', 'by', by, ['rollout'])
  if (variant !== undefined) return { kind: 'variant', variant }
  const weights = Object.fromEntries(Object.entries(rollout ?? {}).map(([name, share]) => [name, ppmOf(name, share)]))
  const sum = Object.values(weights).reduce((total, ppm) => total + ppm, 0)
  if (sum !== 1_000_000) throw refused(`is ${sum / 10_000}% in all`, 'rollout', rollout, ['100% in all'])
  assertWeights(weights)
  return { kind: 'rollout', weights, ...(by !== undefined && { by }) }
}

function ppmOf(variant: string, share: string): number {
  const ppm = parsePercentPpm(share)
  if (ppm === null) throw refused('is not a percentage', `rollout.${variant}`, share, ['0% to 100%'])
  return ppm
}

function refused(message: string, path: string, value: unknown, allowed: readonly string[]): CutoverError {
  return new CutoverError('invalid-request', `${path} ${message}`, [{ path, message, value, allowed }])
}
