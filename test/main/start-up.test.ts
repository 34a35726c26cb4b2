/** The file of `serve -c`: what a start does with it, on a log that is empty and on one that is not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryEventLog } from '../../src/adapters/event-log/memory.ts'
import { limits } from '../../src/core/limits.ts'
import { applyResources, fleetsSettled, readResources } from '../../src/main/start-up.ts'
import type { Deployer } from '../../src/ports/deployer.ts'
import { type ControlRig, controlRig } from '../support/control.ts'
import { digits, toV2 } from '../support/documents.ts'
import { endpointSpec, releasePlan } from '../support/releases.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-start-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const { v3, ...fewer } = digits.versions
const small = { ...digits, versions: fewer }
const other = { ...digits, name: 'other' }

/** Applies the documents as a start would; what was refused, as it is told. */
async function startWith(rig: ControlRig, documents: readonly unknown[]): Promise<string[]> {
  const file = join(folder, 'cutover.yaml')
  writeFileSync(file, documents.map(document => JSON.stringify(document)).join('\n---\n'))
  const refused: string[] = []
  const onRefused = (document: string, reason: string) => void refused.push(`${document}: ${reason}`)
  await applyResources(rig.controller, await readResources(file), { file, onRefused })
  return refused
}

/** As the API would: one more version, and a release of it under way. */
async function growBy({ controller }: ControlRig, version: string): Promise<void> {
  const known = controller.state().endpoints['digits']?.spec
  if (known === undefined) throw new Error('there is no endpoint digits')
  const versions = { ...endpointSpec().versions, ...known.versions }
  await controller.applyEndpoint({ spec: { ...known, versions }, actor: 'api', dryRun: false })
  const { planVersion: _version, from: _from, ...plan } = releasePlan({ to: version })
  await controller.applyRelease({ plan, actor: 'api', dryRun: false, again: true })
}

const endpointsOf = (rig: ControlRig) =>
  Object.values(rig.controller.state().endpoints).map(({ spec }) => [spec.name, Object.keys(spec.versions)])

describe('the file of a server', () => {
  it('starts one that has nothing yet, whatever the order of its documents', async () => {
    const rig = controlRig()
    expect(await startWith(rig, [toV2, digits])).toEqual([])
    expect(endpointsOf(rig)).toEqual([['digits', ['v1', 'v2', 'v3']]])
    expect(Object.keys(rig.controller.state().releases)).toEqual(['digits-1'])
  })

  it('ends the start of one that has nothing yet where a document is refused, before anything is applied', async () => {
    const rig = controlRig()
    const refused = startWith(rig, [other, digits, { ...toV2, to: 'v9' }])
    await expect(refused).rejects.toMatchObject({ code: 'invalid-resource' })
    expect(endpointsOf(rig)).toEqual([])
  })

  it('does not keep one from starting whose endpoint has grown since, and tells what was refused and why', async () => {
    const log = createMemoryEventLog()
    const before = controlRig(log)
    await startWith(before, [small])
    await growBy(before, 'v3')
    before.controller.stop()
    const after = controlRig(log)
    expect(await startWith(after, [small, other])).toEqual([
      expect.stringMatching(/^Endpoint\/digits: .*versions\.v3: the version is running and cannot be removed/),
    ])
    expect(endpointsOf(after)).toEqual([
      ['digits', ['v1', 'v2', 'v3']],
      ['other', ['v1', 'v2', 'v3']],
    ])
  })
})

describe('callers of a server that comes up', () => {
  const refused = 'GET http://127.0.0.1:9001/health failed: ECONNREFUSED'

  /** What a server says whose stable version has its instance after so long. */
  async function startWhoseFleetTakes(readyAfterMs: number): Promise<string[]> {
    vi.useFakeTimers()
    const rig = controlRig()
    await startWith(rig, [digits])
    const startMs = performance.now()
    const isUp = () => performance.now() - startMs >= readyAfterMs
    const deployer = {
      status: () => [{ id: 'digits/v1/0', state: 'starting', detail: refused }],
      fleets: { readyCount: () => (isUp() ? 1 : 0) },
    } as unknown as Deployer
    const said: string[] = []
    const say = ({ version, detail }: { version: string; detail: string }, text: string) =>
      void said.push(`${text} (${version}: ${detail})`)
    const settled = fleetsSettled(rig.controller, deployer, { info: say, warn: say } as Pick<Logger, 'info' | 'warn'>)
    await vi.advanceTimersByTimeAsync(limits.startupGraceMs + 100)
    await settled
    return said
  }
  afterEach(() => vi.useRealTimers())

  const waits = `callers are let in when digits/v1 is ready, or after 10 s without it (digits/v1: ${refused})`
  it.each([
    ['are let in without a word where the stable version is there soon', 500, []],
    ['wait for it, and the log says for what', 3_000, [waits]],
    [
      'are let in without it in the end, and the log says so',
      60_000,
      [waits, `callers are let in while no instance of digits/v1 is ready (digits/v1: ${refused})`],
    ],
  ])('%s', async (_rule, readyAfterMs, said) => {
    expect(await startWhoseFleetTakes(readyAfterMs)).toEqual(said)
  })
})
