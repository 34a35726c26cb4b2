import { expect, test } from 'vitest'
import { createMemoryDeployer } from '../../../src/adapters/deployer/memory.ts'
import { deployerContract } from '../../contract/deployer.contract.ts'
import { send as ask } from '../../support/send.ts'
import { request } from './requests.ts'
import { closing, collectReports, fastClock, pick, until, version } from './support.ts'

const good = (name: string, instances = 1) => version(name, { kind: 'onnx', path: `${name}.onnx` }, instances)
const body = Buffer.from('{}')

deployerContract('memory', async () => {
  let release = () => {}
  return {
    create: report => {
      const deployer = createMemoryDeployer({
        clock: fastClock(20),
        report,
        readiness: name => (name === 'v2' ? 'manual' : 'at-once'),
        answer: () => new Promise(resolve => (release = () => resolve({ status: 200, headers: [], body }))),
      })
      return deployer
    },
    good,
    bad: name => version(name, { kind: 'onnx', path: 'other.onnx' }),
    hold: (instance, signal = new AbortController().signal) => ({
      answer: ask(instance, request({ path: '/', signal })),
      release: () => release(),
    }),
  }
})

function deployerOf(readiness: 'at-once' | 'manual') {
  const reports = collectReports()
  const answer = () => ({ status: 200, headers: [], body })
  const clock = fastClock(100)
  return {
    reports,
    deployer: closing(createMemoryDeployer({ clock, report: reports.report, answer, readiness: () => readiness })),
  }
}

test('an instance that crashes leaves the view and comes back', async () => {
  const { deployer, reports } = deployerOf('manual')
  deployer.ensure({ endpoint: 'digits', version: good('v1', 2), readyTimeoutMs: 60_000 })
  deployer.becomeReady('digits', 'v1')
  await reports.next('ready')
  deployer.crash('digits', 'v1', 'boom')
  expect(deployer.fleets.readyCount('digits', 'v1')).toBe(1)
  expect(pick(deployer, 'v1').id).toBe('digits/v1/1')
  expect(deployer.status('digits', 'v1')[0]).toMatchObject({ state: 'starting', detail: 'starting again: boom' })
  expect(reports.all).toHaveLength(1)
})

test('a crash loop fails the fleet once; the fleet is ready again when the instance keeps up', async () => {
  const { deployer, reports } = deployerOf('at-once')
  deployer.ensure({ endpoint: 'digits', version: good('v1'), readyTimeoutMs: 60_000 })
  for (let crashes = 0; crashes <= 5; crashes += 1) {
    await waitReady(deployer)
    deployer.crash('digits', 'v1', 'boom')
  }
  expect((await reports.next('failed')).reason).toBe('boom (ended 6 times within 60 s)')
  await reports.next('ready')
  expect(reports.all.map(({ state }) => state)).toEqual(['ready', 'failed', 'ready'])
})

test('a fault that starting again cannot mend is not tried again until it is asked for', async () => {
  const { deployer, reports } = deployerOf('at-once')
  const ensure = () => deployer.ensure({ endpoint: 'digits', version: good('v1'), readyTimeoutMs: 60_000 })
  ensure()
  await reports.next('ready')
  deployer.crash('digits', 'v1', 'the file is gone', true)
  expect((await reports.next('failed')).reason).toBe('the file is gone')
  expect(deployer.status('digits', 'v1')[0]?.state).toBe('failed')
  ensure()
  await reports.next('ready')
})

test('asking for more instances starts what is missing', async () => {
  const { deployer, reports } = deployerOf('at-once')
  deployer.ensure({ endpoint: 'digits', version: good('v1', 1), readyTimeoutMs: 60_000 })
  await reports.next('ready')
  deployer.ensure({ endpoint: 'digits', version: good('v1', 3), readyTimeoutMs: 60_000 })
  expect((await reports.next('ready')).instances).toBe(3)
  expect(deployer.fleets.readyCount('digits', 'v1')).toBe(3)
})

test('of instances too many the failed go first, then those that are not ready, and the fleet is whole again', async () => {
  const { deployer, reports } = deployerOf('manual')
  const ensure = (instances: number) =>
    deployer.ensure({ endpoint: 'digits', version: good('v1', 3), readyTimeoutMs: 60_000, instances })
  const states = () => deployer.status('digits', 'v1').map(({ id, state }) => [id, state])
  ensure(3)
  deployer.becomeReady('digits', 'v1')
  await reports.next('ready')
  deployer.crash('digits', 'v1', 'no such device', true)
  deployer.crash('digits', 'v1', 'boom')
  expect(states()).toEqual([
    ['digits/v1/0', 'failed'],
    ['digits/v1/1', 'starting'],
    ['digits/v1/2', 'ready'],
  ])
  ensure(2)
  await until(() => states().every(([id]) => id !== 'digits/v1/0'))
  ensure(1)
  expect((await reports.next('ready')).instances).toBe(1)
  expect(states()).toEqual([['digits/v1/2', 'ready']])
})

test('an instance too many that does not finish is cut when its drain has passed', async () => {
  const reports = collectReports()
  const never = () => new Promise<never>(() => {})
  const deployer = closing(createMemoryDeployer({ clock: fastClock(100), report: reports.report, answer: never }))
  const resize = (instances: number) =>
    deployer.ensure({ endpoint: 'digits', version: good('v1', 2), readyTimeoutMs: 60_000, instances, drainMs: 500 })
  resize(2)
  await reports.next('ready')
  const held = [pick(deployer, 'v1'), pick(deployer, 'v1')].map(one => ask(one, request({ path: '/' })))
  resize(1)
  await expect(Promise.race(held)).rejects.toMatchObject({ code: 'backend-failed', message: 'digits/v1/1 has ended' })
  expect((await reports.next('ready')).instances).toBe(1)
  void held[0]?.catch(() => {})
})

async function waitReady(deployer: ReturnType<typeof createMemoryDeployer>): Promise<void> {
  while (deployer.fleets.readyCount('digits', 'v1') === 0) await new Promise(resolve => setTimeout(resolve, 1))
}
