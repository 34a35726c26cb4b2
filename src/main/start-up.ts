/** What happens between the first breath of a server and the first caller. */
import { compileResource, validateResource } from '../config/compile.ts'
import { readResourceFile } from '../config/resource-file.ts'
import type { Controller } from '../controller/controller.ts'
import { limits } from '../core/limits.ts'
import type { Deployer } from '../ports/deployer.ts'

/** Callers are let in once every version that traffic goes to is up, or is known not to come up. Nobody is up in a gap. */
export async function fleetsSettled(control: Controller, deployer: Deployer): Promise<void> {
  const untilMs = performance.now() + limits.startupGraceMs
  const isSettled = (): boolean =>
    Object.values(control.state().endpoints).every(
      ({ spec, table, fleets }) =>
        table.gap !== undefined ||
        Object.keys(table.weights).every(
          name => fleets[name] === 'failed' || deployer.fleets.readyCount(spec.name, name) > 0,
        ),
    )
  while (!isSettled() && performance.now() < untilMs) await new Promise(resolve => setTimeout(resolve, 20))
}

/** Everything in the file is checked before anything is applied. */
export async function applyFile(control: Controller, file: string): Promise<void> {
  const documents = await readResourceFile(file)
  const resources = documents.map(document => compileResource(validateResource(document.value)))
  const actor = `file ${file}`
  const beside = {
    flags: resources.flatMap(one => (one.kind === 'Flag' ? [one.spec] : [])),
    segments: resources.flatMap(one => (one.kind === 'Segment' ? [one.spec] : [])),
  }
  for (const spec of beside.segments) control.applySegment({ spec, actor, note: null, dryRun: false })
  for (const spec of beside.flags) control.applyFlag({ spec, actor, note: null, dryRun: false, beside })
  for (const one of resources)
    if (one.kind === 'Endpoint') await control.applyEndpoint({ spec: one.spec, actor, dryRun: false })
  for (const one of resources)
    if (one.kind === 'Release') await control.applyRelease({ plan: one.plan, actor, dryRun: false, again: false })
}
