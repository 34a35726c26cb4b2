import { describe, expect, test } from 'vitest'
import type { VersionSpec } from '../../src/core/endpoint.ts'
import type { BackendResponse, Instance } from '../../src/ports/backend.ts'
import type { Deployer, FleetReport } from '../../src/ports/deployer.ts'
import { request, text } from '../adapters/deployer/requests.ts'
import { closing, collectReports, type Finished, pick, until } from '../adapters/deployer/support.ts'

export type Held = {
  answer: Promise<BackendResponse>
  /** Lets it finish, if it does not by itself. */
  release(): void
}

export type DeployerHarness = {
  create(report: (report: FleetReport) => void): Deployer
  /** A version with `instances` ready instances. */
  good(name: string, instances: number): VersionSpec
  /** A version that cannot become ready. */
  bad(name: string): VersionSpec
  /** A request that is in flight when this returns. */
  hold(instance: Instance, signal?: AbortSignal): Held
}

/** What every deployer does, whatever runs the model. */
export function deployerContract(name: string, makeHarness: (finished: Finished) => Promise<DeployerHarness>): void {
  async function started(finished: Finished, instances = 1) {
    const harness = await makeHarness(finished)
    const reports = collectReports()
    const deployer = closing(harness.create(reports.report), finished)
    const spec = harness.good('v1', instances)
    const ensure = (version = spec, readyTimeoutMs = 600_000) =>
      deployer.ensure({ endpoint: 'digits', version, readyTimeoutMs })
    return { harness, reports, deployer, spec, ensure }
  }

  async function ready(finished: Finished, instances = 1) {
    const context = await started(finished, instances)
    context.ensure()
    await context.reports.next('ready')
    return context
  }

  describe.concurrent(`deployer: ${name}`, () => {
    test('nothing is picked before the fleet is ready, and something after', async ({ onTestFinished }) => {
      const { deployer, ensure, reports } = await started(onTestFinished, 2)
      expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
      ensure()
      expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
      await reports.next('ready')
      await until(() => deployer.fleets.readyCount('digits', 'v1') === 2)
      expect(reports.all).toEqual([{ state: 'ready', endpoint: 'digits', version: 'v1' }])
      expect(deployer.status('digits', 'v1').map(({ state }) => state)).toEqual(['ready', 'ready'])
      expect(deployer.fleets.pick('digits', 'v2')).toBeNull()
    })

    test('a version that can be served passes its check', async ({ onTestFinished }) => {
      const { deployer, spec } = await started(onTestFinished)
      await expect(deployer.check(spec)).resolves.toBeUndefined()
    })

    test('ensuring twice starts nothing twice and reports the state again', async ({ onTestFinished }) => {
      const { deployer, ensure, reports } = await ready(onTestFinished)
      const before = pick(deployer, 'v1')
      ensure()
      await reports.next('ready')
      expect(pick(deployer, 'v1')).toBe(before)
      expect(deployer.status('digits', 'v1')).toHaveLength(1)
    })

    test('the same name on another backend is refused while the first runs', async ({ onTestFinished }) => {
      const { harness, ensure } = await ready(onTestFinished)
      expect(() => ensure({ ...harness.bad('v1') })).toThrow(/already runs from another backend/)
    })

    test('a request goes to the least busy instance, and equals take turns', async ({ onTestFinished }) => {
      const { deployer, harness } = await ready(onTestFinished, 2)
      await until(() => deployer.fleets.readyCount('digits', 'v1') === 2)
      expect(new Set([pick(deployer, 'v1'), pick(deployer, 'v1')]).size).toBe(2)
      const busy = pick(deployer, 'v1')
      const held = harness.hold(busy)
      expect(busy.inFlight).toBe(1)
      expect([pick(deployer, 'v1'), pick(deployer, 'v1')]).not.toContain(busy)
      held.release()
      await text(await held.answer)
      await until(() => busy.inFlight === 0)
    })

    test('stopping leaves the view at once and lets what is in flight finish', async ({ onTestFinished }) => {
      const { deployer, harness, reports } = await ready(onTestFinished)
      const held = harness.hold(pick(deployer, 'v1'))
      const stopped = deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 60_000 })
      expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
      expect(deployer.fleets.readyCount('digits', 'v1')).toBe(0)
      expect(deployer.status('digits', 'v1').map(({ state }) => state)).toEqual(['draining'])
      held.release()
      const answer = await held.answer
      expect(answer.status).toBe(200)
      expect(await text(answer)).not.toBe('')
      await stopped
      expect(deployer.status('digits', 'v1')).toEqual([])
      expect(reports.all).toHaveLength(1)
    })

    test('a fleet that was stopped can be started again', async ({ onTestFinished }) => {
      const { deployer, ensure, reports } = await ready(onTestFinished)
      await deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 1_000 })
      ensure()
      await reports.next('ready')
      expect(deployer.fleets.readyCount('digits', 'v1')).toBe(1)
    })

    test('stopping what does not run does nothing', async ({ onTestFinished }) => {
      const { deployer } = await started(onTestFinished)
      await expect(deployer.stop({ endpoint: 'digits', version: 'v9', drainMs: 0 })).resolves.toBeUndefined()
    })

    test('a request whose caller leaves rejects with client-closed', async ({ onTestFinished }) => {
      const { deployer, harness } = await ready(onTestFinished)
      const caller = new AbortController()
      const held = harness.hold(pick(deployer, 'v1'), caller.signal)
      caller.abort()
      await expect(held.answer.then(text)).rejects.toMatchObject({ code: 'client-closed' })
      held.release()
      await until(() => pick(deployer, 'v1').inFlight === 0)
    })

    test('a request whose caller is gone already is not sent', async ({ onTestFinished }) => {
      const { deployer } = await ready(onTestFinished)
      const sent = pick(deployer, 'v1').send(request({ path: '/echo', signal: AbortSignal.abort() }))
      await expect(sent).rejects.toMatchObject({ code: 'client-closed' })
    })

    test('a version that never becomes ready fails with a reason', async ({ onTestFinished }) => {
      const { deployer, harness, reports, ensure } = await started(onTestFinished)
      ensure(harness.bad('v2'), 5_000)
      const { reason, version } = await reports.next('failed')
      expect(version).toBe('v2')
      expect(reason.length).toBeGreaterThan(20)
      expect(deployer.fleets.pick('digits', 'v2')).toBeNull()
    })

    test('closing ends everything and later calls start nothing', async ({ onTestFinished }) => {
      const { deployer, ensure } = await ready(onTestFinished, 2)
      await deployer.close()
      ensure()
      expect(deployer.fleets.pick('digits', 'v1')).toBeNull()
      expect(deployer.status('digits', 'v1')).toEqual([])
    })
  })
}
