/**
 * Applies documents: all of them are read, compiled and tried before the first one changes anything. Flags go first, then
 * endpoints, since what comes later in the same file may need them.
 */
import { toProblems, writePath } from '../contract/problems.ts'
import { resourceSchema } from '../contract/resources.ts'
import type { WireChange } from '../contract/wire/change.ts'
import type { Beside } from '../controller/control-plane.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import type { Api, CompiledDocument } from './context.ts'
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
  const endpoints: EndpointSpec[] = []
  const beside = besideOf(placed)
  for (const [index, change] of await applyFlags(api, placed, { actor, dryRun: true })) changes.set(index, change)
  for (const { index, path, document } of placed) {
    if (document.kind !== 'Endpoint') continue
    const { spec } = document
    const change = await at(path, () => api.control.applyEndpoint({ spec, actor, dryRun: true, beside }))
    changes.set(index, changeView(change, null))
    if (change.action !== 'unchanged') endpoints.push(spec)
  }
  for (const { index, path, document } of placed) {
    if (document.kind !== 'Release') continue
    const request = { plan: document.plan, actor, dryRun: true, again: false, beside: { ...beside, endpoints } }
    const tried = await at(path, () => api.control.applyRelease(request))
    changes.set(index, changeView(tried.change, tried.release))
  }
  return inOrder(placed, changes)
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
