/** What happens between the first breath of a server and the first caller. */
import type { Logger } from 'pino'
import { type CompiledResource, compileResource, validateResource } from '../config/compile.ts'
import { readResourceFile } from '../config/resource-file.ts'
import type { Beside } from '../controller/control-plane.ts'
import type { Controller } from '../controller/controller.ts'
import { assertNever, CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ControlState } from '../core/state.ts'
import type { Deployer } from '../ports/deployer.ts'

/** Nobody is left before a terminal that says nothing for longer than this. */
const quietMs = 1_000

/** Callers are let in once every version that traffic goes to is up, or is known not to come up. Nobody is up in a gap. */
export async function fleetsSettled(control: Controller, deployer: Deployer, logger: Log): Promise<void> {
  const sinceMs = performance.now()
  let isTold = false
  while (true) {
    const lacks = lacksOf(control, deployer)
    const awaited = lacks.filter(({ hasFailed }) => !hasFailed)
    const waitedMs = performance.now() - sinceMs
    if (awaited.length === 0 || waitedMs >= limits.startupGraceMs) {
      for (const { version, detail } of lacks)
        logger.warn({ version, detail }, `callers are let in while no instance of ${version} is ready`)
      return
    }
    if (!isTold && waitedMs >= quietMs) {
      isTold = true
      for (const { version, detail } of awaited)
        logger.info({ version, detail }, `callers are let in when ${version} is ready, or after ${graceS} s without it`)
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const graceS = limits.startupGraceMs / 1_000

type Log = Pick<Logger, 'info' | 'warn'>

/** Versions that have traffic and no instance, as `fraud/v1`, and why. */
function lacksOf(control: Controller, deployer: Deployer): { version: string; detail: string; hasFailed: boolean }[] {
  return Object.values(control.state().endpoints)
    .filter(({ table }) => table.gap === undefined)
    .flatMap(({ spec: { name: endpoint }, table, fleets }) =>
      Object.keys(table.weights)
        .filter(version => deployer.fleets.readyCount(endpoint, version) === 0)
        .map(version => ({
          version: `${endpoint}/${version}`,
          detail: deployer.status(endpoint, version).find(({ detail }) => detail !== '')?.detail ?? 'no instance yet',
          hasFailed: fleets[version] === 'failed',
        })),
    )
}

/** Hears of a document that was refused, as `Endpoint/digits`, and why. */
type OnRefused = (document: string, reason: string) => void

/** Rejects with all that is wrong in the file, as far as it tells without a server. */
export async function readResources(file: string): Promise<CompiledResource[]> {
  const documents = await readResourceFile(file)
  return documents.map(document => compileResource(validateResource(document.value)))
}

/**
 * Everything in the file is checked before anything is applied. What is refused ends the start of a server that has nothing
 * yet. One that has goes on with what its log says: an endpoint may have grown by the API, and callers wait for it.
 */
export async function applyResources(
  control: Controller,
  resources: readonly CompiledResource[],
  { file, onRefused }: { file: string; onRefused: OnRefused },
): Promise<void> {
  if (!isEmpty(control.state())) return applyEach(control, resources, { file, onRefused })
  const beside = {
    flags: resources.flatMap(one => (one.kind === 'Flag' ? [one.spec] : [])),
    segments: resources.flatMap(one => (one.kind === 'Segment' ? [one.spec] : [])),
    endpoints: resources.flatMap(one => (one.kind === 'Endpoint' ? [one.spec] : [])),
  }
  for (const dryRun of [true, false])
    for (const one of inOrder(resources)) await applyOne(control, one, { actor: actorOf(file), dryRun, beside })
}

async function applyEach(
  control: Controller,
  resources: readonly CompiledResource[],
  { file, onRefused }: { file: string; onRefused: OnRefused },
): Promise<void> {
  const flags = resources.flatMap(one => (one.kind === 'Flag' ? [one.spec] : []))
  for (const one of inOrder(resources)) {
    try {
      await applyOne(control, one, {
        actor: actorOf(file),
        dryRun: false,
        beside: one.kind === 'Flag' ? { flags } : {},
      })
    } catch (error) {
      if (!(error instanceof CutoverError)) throw error
      onRefused(`${one.kind}/${one.kind === 'Release' ? one.plan.endpoint : one.spec.name}`, error.message)
    }
  }
}

function actorOf(file: string): string {
  return `file ${file}`
}

function isEmpty({ endpoints, retired, flags }: ControlState): boolean {
  return Object.keys(endpoints).length === 0 && Object.keys(retired).length === 0 && flags === undefined
}

/** What comes later may name what comes before. */
const order = ['Segment', 'Flag', 'Endpoint', 'Release'] as const

function inOrder(resources: readonly CompiledResource[]): CompiledResource[] {
  return order.flatMap(kind => resources.filter(one => one.kind === kind))
}

async function applyOne(
  control: Controller,
  one: CompiledResource,
  { actor, dryRun, beside }: { actor: string; dryRun: boolean; beside: Beside },
): Promise<void> {
  switch (one.kind) {
    case 'Segment':
      control.applySegment({ spec: one.spec, actor, note: null, dryRun })
      return
    case 'Flag':
      control.applyFlag({ spec: one.spec, actor, note: null, dryRun, beside })
      return
    case 'Endpoint':
      await control.applyEndpoint({ spec: one.spec, actor, dryRun, beside })
      return
    case 'Release':
      await control.applyRelease({ plan: one.plan, actor, dryRun, again: false, beside: dryRun ? beside : {} })
      return
    default:
      assertNever(one)
  }
}
