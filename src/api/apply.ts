/**
 * Applies documents: all of them are read, compiled and tried before the first one changes anything. Flags go first, then
 * endpoints, since what comes later in the same file may need them.
 */
import { toProblems, writePath } from '../contract/problems.ts'
import { resourceSchema } from '../contract/resources.ts'
import type { WireChange } from '../contract/wire/change.ts'
import type { Beside, Change, ReleaseRequest } from '../controller/control-plane.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import { forecast } from '../core/forecast.ts'
import type { MetricCheck } from '../core/metric-check.ts'
import { preflightProblems } from '../core/preflight.ts'
import type { Api, CompiledDocument } from './context.ts'
import { ownValue } from './context.ts'
import { changeView } from './views.ts'

export type ApplyRequest = {
  documents: readonly unknown[]
  /** Where the documents stand in the body, so that paths lead there; null where the body is the only document. */
  base: readonly PropertyKey[] | null
  actor: string
  dryRun: boolean
}

type Placed = { index: number; path: string; document: CompiledDocument }

export async function applyDocuments(api: Api, request: ApplyRequest): Promise<WireChange[]> {
  const placed = readAll(api, request)
  refuseTwice(placed)
  return api.turns(async () => {
    const tried = await tryAll(api, placed, request.actor)
    return request.dryRun ? tried : applyAll(api, placed, request.actor)
  })
}

function readAll(api: Api, { documents, base }: ApplyRequest): Placed[] {
  const faults: Problem[] = []
  const placed = documents.flatMap((value, index): Placed[] => {
    const path = base === null ? '' : writePath([...base, index])
    try {
      return [{ index, path, document: compileDocument(api, value) }]
    } catch (error) {
      if (!(error instanceof CutoverError)) throw error
      faults.push(...beneath(path, error))
      return []
    }
  })
  if (faults.length === 0) return placed
  const faulty = documents.length - placed.length
  const what = documents.length === 1 ? 'the document is' : `${faulty} of ${documents.length} documents are`
  throw new CutoverError('invalid-resource', `${what} not valid; nothing has changed`, faults)
}

/** Throws invalid-resource with a problem per fault. */
export function compileDocument(api: Pick<Api, 'compile'>, value: unknown): CompiledDocument {
  const result = resourceSchema.safeParse(value)
  if (result.success) return api.compile(result.data)
  throw new CutoverError('invalid-resource', 'the document is not valid', toProblems(result.error, value))
}

/** The problems of a document with paths that lead there from the body. */
function beneath(path: string, error: CutoverError): Problem[] {
  const problems = error.problems.length > 0 ? error.problems : [{ path: '', message: error.message }]
  return problems.map(problem => ({ ...problem, path: joinPath(path, problem.path) }))
}

function joinPath(base: string, path: string): string {
  if (base === '' || path === '') return base + path
  return path.startsWith('[') ? base + path : `${base}.${path}`
}

function refuseTwice(placed: readonly Placed[]): void {
  const seen = new Map<string, string>()
  const problems = placed.flatMap(({ document, path }): Problem[] => {
    const name = document.kind === 'Release' ? document.plan.endpoint : document.spec.name
    const key = `${document.kind} ${name}`
    const first = seen.get(key)
    seen.set(key, path)
    const what = document.kind === 'Release' ? `a Release of ${name}` : `${document.kind} ${name}`
    return first === undefined ? [] : [{ path, message: `${what} stands in ${first} already` }]
  })
  if (problems.length === 0) return
  throw new CutoverError('invalid-resource', 'a document stands there twice; nothing has changed', problems)
}

async function tryAll(api: Api, placed: readonly Placed[], actor: string): Promise<WireChange[]> {
  const changes = new Map<number, WireChange>()
  const specs = new Map<string, EndpointSpec>()
  const beside = besideOf(placed)
  for (const [index, change] of await applyFlags(api, placed, { actor, dryRun: true })) changes.set(index, change)
  for (const { index, path, document } of placed) {
    if (document.kind !== 'Endpoint') continue
    const { spec } = document
    const change = await at(path, () => api.control.applyEndpoint({ spec, actor, dryRun: true, beside }))
    changes.set(index, changeView(change, null))
    if (change.action !== 'unchanged') specs.set(spec.name, spec)
  }
  for (const { index, path, document } of placed) {
    if (document.kind !== 'Release') continue
    const spec = specs.get(document.plan.endpoint)
    changes.set(index, await at(path, () => tryRelease(api, document.plan, { spec, actor, beside })))
  }
  return inOrder(placed, changes)
}

/** An endpoint that changes with the same request cannot be asked yet: then the plan is held against its document. */
async function tryRelease(
  api: Api,
  plan: ReleaseRequest,
  options: { spec: EndpointSpec | undefined; actor: string; beside: Beside },
): Promise<WireChange> {
  if (options.spec === undefined) {
    const { actor, beside } = options
    const tried = await api.control.applyRelease({ plan, actor, dryRun: true, again: false, beside })
    return changeView(tried.change, tried.release)
  }
  const from = ownValue(api.control.state().endpoints, plan.endpoint)?.stable ?? options.spec.stable
  holdAgainst({ ...plan, from }, options.spec)
  const note = `would start ${plan.endpoint} to ${plan.to}; checked further once its endpoint is applied`
  const resource = `Release/${plan.endpoint}`
  const expected = forecast(options.spec, { ...plan, from }, null)
  const change: Change = { action: 'started', resource, differences: [], note, forecast: expected }
  return changeView(change, null)
}

function holdAgainst(plan: ReleaseRequest & { from: string }, spec: EndpointSpec): void {
  if (ownValue(spec.versions, plan.to) === undefined) {
    const allowed = Object.keys(spec.versions)
    throw new CutoverError('version-not-found', `${spec.name} has no version ${plan.to}`, [
      { path: 'to', message: `is not a version of ${spec.name}`, value: plan.to, allowed },
    ])
  }
  const isUnknown = ({ metric, measure }: MetricCheck) =>
    (measure.kind === 'accuracy' || measure.kind === 'declared') &&
    ownValue(spec.metrics, metric) === undefined &&
    ownValue(spec.external ?? {}, metric) === undefined
  const unknown = (path: string): Problem => ({
    path,
    message: `is not a metric of ${spec.name}`,
    allowed: ['error-rate', 'latency-p50 to latency-p99.9', ...Object.keys(spec.metrics)],
  })
  const problems = [
    ...(['guardrails', 'signals', 'goals'] as const).flatMap(role =>
      (plan[role] ?? []).filter(isUnknown).map(({ metric }) => unknown(`${role}.${metric}`)),
    ),
    ...plan.stages.flatMap((stage, index) =>
      'goal' in stage && stage.goal !== null && isUnknown(stage.goal)
        ? [unknown(`stages[${index}].${stage.kind}.goal.metric`)]
        : [],
    ),
  ]
  if (problems.length > 0) throw new CutoverError('invalid-resource', 'the release names unknown metrics', problems)
  const impossible = preflightProblems(spec, plan)
  if (impossible.length === 0) return
  const what = impossible.map(({ path, message }) => `${path}: ${message}`).join('; ')
  throw new CutoverError('preflight-refused', `the release of ${plan.to} cannot work: ${what}`, impossible)
}

async function applyAll(api: Api, placed: readonly Placed[], actor: string): Promise<WireChange[]> {
  const changes = await applyFlags(api, placed, { actor, dryRun: false })
  for (const { index, path, document } of placed) {
    if (document.kind !== 'Endpoint') continue
    const { spec } = document
    const change = await at(path, () => api.control.applyEndpoint({ spec, actor, dryRun: false }))
    changes.set(index, changeView(change, null))
  }
  for (const { index, path, document } of placed) {
    if (document.kind !== 'Release') continue
    const { plan } = document
    const done = await at(path, () => api.control.applyRelease({ plan, actor, dryRun: false, again: false }))
    changes.set(index, changeView(done.change, done.release))
  }
  return inOrder(placed, changes)
}

/** Segments and flags: they may name one another in any order. */
async function applyFlags(
  { control }: Api,
  placed: readonly Placed[],
  { actor, dryRun }: { actor: string; dryRun: boolean },
): Promise<Map<number, WireChange>> {
  const changes = new Map<number, WireChange>()
  const beside = besideOf(placed)
  for (const { index, path, document } of placed) {
    if (document.kind !== 'Segment') continue
    const { spec } = document
    const change = await at(path, async () => control.applySegment({ spec, actor, note: null, dryRun }))
    changes.set(index, changeView(change, null))
  }
  for (const { index, path, document } of placed) {
    if (document.kind !== 'Flag') continue
    const { spec } = document
    const change = await at(path, async () => control.applyFlag({ spec, actor, note: null, dryRun, beside }))
    changes.set(index, changeView(change, null))
  }
  return changes
}

function besideOf(placed: readonly Placed[]): Beside {
  return {
    flags: placed.flatMap(({ document }) => (document.kind === 'Flag' ? [document.spec] : [])),
    segments: placed.flatMap(({ document }) => (document.kind === 'Segment' ? [document.spec] : [])),
  }
}

function inOrder(placed: readonly Placed[], changes: ReadonlyMap<number, WireChange>): WireChange[] {
  return placed.flatMap(({ index }) => changes.get(index) ?? [])
}

/** What the controller refuses leads to the document that asked for it. */
async function at<Result>(path: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof CutoverError) || path === '') throw error
    throw new CutoverError(error.code, error.message, beneath(path, error), error)
  }
}
