import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createCommandDriver } from '../../../src/adapters/deployer/command/command-driver.ts'
import { createDeployer } from '../../../src/adapters/deployer/deployer.ts'
import { FleetDeployer } from '../../../src/adapters/deployer/fleet-deployer.ts'
import { deployerContract } from '../../contract/deployer.contract.ts'
import { send as ask } from '../../support/send.ts'
import { json, request, text } from './requests.ts'
import {
  closing,
  collectReports,
  type Finished,
  fastClock,
  pick,
  silentLogger,
  temporaryFile,
  temporaryFolder,
  until,
  version,
} from './support.ts'

const serverCommand = fileURLToPath(new URL('../../fixtures/model-server-command.ts', import.meta.url))
const doomedParent = fileURLToPath(new URL('../../fixtures/doomed-parent.ts', import.meta.url))
const ready = { path: '/health', timeoutMs: 60_000, unknownIsReady: false }

type Parts = { cwd?: string; env?: Record<string, string>; instances?: number }

function command(name: string, argv: readonly string[], { cwd = process.cwd(), env = {}, instances = 1 }: Parts = {}) {
  return version(name, { kind: 'command', argv, cwd, env, ready }, instances)
}

const server = (name: string, words: readonly string[] = [], parts: Parts = {}) =>
  command(name, [process.execPath, serverCommand, '--port', '{port}', ...words], parts)

function deployerOf(finished: Finished, speed = 10) {
  const reports = collectReports()
  const lines: string[] = []
  const note = (_fields: object, line: string) => void lines.push(line)
  const logger = { info: note, warn: note, error: note }
  const deployer = closing(createDeployer({ clock: fastClock(speed), logger, report: reports.report }), finished)
  const ensure = (spec: ReturnType<typeof command>, readyTimeoutMs = 600_000) =>
    deployer.ensure({ endpoint: 'digits', version: spec, readyTimeoutMs })
  const send = (path: string) => ask(pick(deployer, 'v1'), request({ path }))
  const count = (wanted: number) => until(() => deployer.fleets.readyCount('digits', 'v1') === wanted)
  return { deployer, reports, lines, ensure, send, count }
}

async function serve(finished: Finished, ...parts: Parameters<typeof server>) {
  const context = deployerOf(finished)
  context.ensure(server(...parts))
  await context.reports.next('ready')
  return context
}

/** A zombie counts as gone: it only waits for somebody to take note of its end. */
async function isAlive(pid: number): Promise<boolean> {
  const state = await processField('stat', pid)
  return state !== '' && !state.startsWith('Z')
}

/** What `ps` says of a process; empty if there is none. */
function processField(field: string, pid: number): Promise<string> {
  return promisify(execFile)('ps', ['-o', `${field}=`, '-p', String(pid)]).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
}

deployerContract('command', async () => ({
  create: report => createDeployer({ clock: fastClock(20), logger: silentLogger, report }),
  good: (name, instances) => server(name, [], { instances }),
  bad: name => server(name, ['--health', '503']),
  hold: (instance, signal = new AbortController().signal) => ({
    answer: ask(instance, request({ path: '/hold?key=a', signal })),
    release: () => void ask(instance, request({ path: '/release?key=a' })).catch(() => {}),
  }),
}))

describe.concurrent('a command', () => {
  test('may be told its port by a variable of its own instead of a word', async ({ onTestFinished }) => {
    const { deployer, reports, send } = deployerOf(onTestFinished)
    const env = { SERVER_PORT: '{port}', ADDRESS: 'http://127.0.0.1:{port}' }
    const script = `exec "${process.execPath}" "${serverCommand}" --port "$SERVER_PORT"`
    deployer.ensure({
      endpoint: 'digits',
      version: command('v1', ['/bin/sh', '-c', script], { env }),
      readyTimeoutMs: 600_000,
    })
    await reports.next('ready')
    const told = (await json(await send('/environment'))) as { env: Record<string, string> }
    expect(told.env).toMatchObject({
      SERVER_PORT: told.env['PORT'],
      ADDRESS: `http://127.0.0.1:${told.env['PORT']}`,
    })
  })

  test('gets its port, its folder and its environment, and nothing that is set for Cutover itself', async ({
    onTestFinished,
  }) => {
    process.env['CUTOVER_SECRET'] = 'secret'
    onTestFinished(() => void delete process.env['CUTOVER_SECRET'])
    const cwd = temporaryFolder(onTestFinished)
    const { send } = await serve(onTestFinished, 'v1', [], { cwd, env: { MODEL: 'a' } })
    const { env, cwd: actual } = (await json(await send('/environment'))) as {
      env: Record<string, string>
      cwd: string
    }
    expect(actual).toContain(cwd)
    expect(env).toMatchObject({ MODEL: 'a', PATH: process.env['PATH'] })
    expect(env['CUTOVER_SECRET']).toBeUndefined()
    expect(env['NODE_CHANNEL_FD']).toBeUndefined()
  })

  test('that dies is started again, and is not used in between', async ({ onTestFinished }) => {
    const { send, count, lines, reports } = await serve(onTestFinished, 'v1')
    const before = (await json(await send('/environment'))) as { pid: number }
    await expect(send('/exit?key=3')).rejects.toMatchObject({ code: 'backend-failed' })
    await count(0)
    await until(() => lines.some(line => line.startsWith('starting again')))
    const expected = /exited with code 3; its last words: listening \| about to go$/
    expect(lines.find(line => line.startsWith('starting again'))).toMatch(expected)
    await count(1)
    const now = (await json(await send('/environment'))) as { pid: number }
    expect(now.pid).not.toBe(before.pid)
    expect(lines).toContain('about to go')
    expect(reports.all).toHaveLength(1)
  })

  test('that says it is not ready leaves the view until it is', async ({ onTestFinished }) => {
    const { deployer, count } = await serve(onTestFinished, 'v1')
    const instance = pick(deployer, 'v1')
    await ask(instance, request({ method: 'PUT', path: '/health?key=503' }))
    await count(0)
    expect(deployer.status('digits', 'v1')[0]?.state).toBe('unhealthy')
    await ask(instance, request({ method: 'PUT', path: '/health?key=200' }))
    await count(1)
    expect(pick(deployer, 'v1')).toBe(instance)
  })

  test('that stays unhealthy as long as it may take to start is started again', async ({ onTestFinished }) => {
    const { deployer, reports, ensure, send, count } = deployerOf(onTestFinished)
    ensure(server('v1'), 50_000)
    await reports.next('ready')
    const { pid } = (await json(await send('/environment'))) as { pid: number }
    await ask(pick(deployer, 'v1'), request({ method: 'PUT', path: '/health?key=503' }))
    await count(0)
    await until(async () => !(await isAlive(pid)))
    await count(1)
    expect(reports.all).toHaveLength(1)
  })

  test('that ends before it is ready, again and again, fails the fleet with its last words', async ({
    onTestFinished,
  }) => {
    // All six ends have to fall into one minute, 10 s of the test's: a start may take 1.7 s beside the waits between them.
    const { reports, ensure } = deployerOf(onTestFinished, 6)
    ensure(command('v1', ['/bin/sh', '-c', 'echo no model here >&2; exit 3']), 600_000)
    const { reason } = await reports.next('failed')
    expect(reason).toMatch(
      /exited with code 3 before it was ready; its last words: no model here \(ended 6 times within 60 s\)$/,
    )
  })

  test('that is not ready in time fails the fleet with the last answer', async ({ onTestFinished }) => {
    const { reports, ensure } = deployerOf(onTestFinished)
    ensure(server('v1', ['--health', '503']), 30_000)
    const { reason } = await reports.next('failed')
    expect(reason).toMatch(/^not ready within 30 s: GET http:.*\/health answered 503; its last words: listening$/)
  })

  test.for<[string, string[], Parts, RegExp]>([
    [
      'that does not exist',
      ['no-such-command-1'],
      {},
      /no executable "no-such-command-1" in PATH \(.*\); give its full path/,
    ],
    [
      'in a folder that does not exist',
      ['node'],
      { cwd: '/no/such' },
      /the folder \/no\/such, in which it is to run, does not exist/,
    ],
    [
      'at a path that does not exist',
      ['./serve.sh'],
      { cwd: '/tmp' },
      /\/tmp\/serve\.sh does not exist or is not executable/,
    ],
    [
      'that is not in the PATH of the version',
      ['node'],
      { env: { PATH: '/no/such' } },
      /no executable "node" in PATH \(\/no\/such\)/,
    ],
  ])('%s is refused, and fails at once', async ([, argv, parts, message], { onTestFinished }) => {
    const { deployer, reports, ensure } = deployerOf(onTestFinished, 1)
    const spec = command('v1', argv, parts)
    await expect(deployer.check(spec)).rejects.toMatchObject({ code: 'invalid-resource', message })
    ensure(spec)
    expect((await reports.next('failed')).reason).toMatch(message)
  })

  test('that is a file without leave to execute is refused', async ({ onTestFinished }) => {
    const { deployer } = deployerOf(onTestFinished, 1)
    const checked = deployer.check(command('v1', [temporaryFile('serve.sh', '#!/bin/sh\n', onTestFinished)]))
    await expect(checked).rejects.toMatchObject({ code: 'invalid-resource', message: /is not executable/ })
  })
})

describe.concurrent('no process is left behind', () => {
  test('stopping ends what the command started, also when that ignores SIGTERM', async ({ onTestFinished }) => {
    const reports = collectReports()
    const driver = createCommandDriver(300)
    const drivers = { onnx: driver, command: driver, url: driver }
    const clock = fastClock(10)
    const deployer = closing(
      new FleetDeployer({ clock, logger: silentLogger, report: reports.report, drivers }),
      onTestFinished,
    )
    const send = (path: string) => ask(pick(deployer, 'v1'), request({ path }))
    const script = `trap '' TERM; "${process.execPath}" "${serverCommand}" --port "$PORT" & while :; do sleep 1000; done`
    const shell = command('v1', ['/bin/sh', '-c', script])
    deployer.ensure({ endpoint: 'digits', version: shell, readyTimeoutMs: 600_000 })
    await reports.next('ready')
    const { pid } = (await json(await send('/environment'))) as { pid: number }
    const grandchild = Number(await text(await send('/spawn')))
    expect(await Promise.all([pid, grandchild].map(isAlive))).toEqual([true, true])
    await deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 1_000 })
    expect(await Promise.all([pid, grandchild].map(isAlive))).toEqual([false, false])
  })

  test('what a command that died had started is ended before the next start', async ({ onTestFinished }) => {
    const { send, count } = await serve(onTestFinished, 'v1')
    const grandchild = Number(await text(await send('/spawn')))
    await send('/exit?key=0').catch(() => {})
    await count(0)
    await until(async () => !(await isAlive(grandchild)))
    await count(1)
  })

  // Only Linux tells the variables of a process.
  describe.runIf(process.platform === 'linux')('not even one that left the process group of its command', () => {
    const script = `setsid "${process.execPath}" "${serverCommand}" --port "$PORT" & while :; do sleep 1000; done`

    async function stray(finished: Finished) {
      const { deployer, reports, send } = deployerOf(finished)
      const endpoint = 'digits'
      deployer.ensure({ endpoint, version: command('v1', ['/bin/sh', '-c', script]), readyTimeoutMs: 600_000 })
      await reports.next('ready')
      const { pid } = (await json(await send('/environment'))) as { pid: number }
      finished(() => {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {}
      })
      const shell = Number(await processField('ppid', pid))
      const guard = Number(await processField('ppid', shell))
      return { deployer, pid, shell, guard }
    }

    test('when the version stops', async ({ onTestFinished }) => {
      const { deployer, pid } = await stray(onTestFinished)
      await deployer.stop({ endpoint: 'digits', version: 'v1', drainMs: 1_000 })
      expect(await isAlive(pid)).toBe(false)
    })

    test.for(['shell', 'guard'] as const)('when the %s was killed', async (which, { onTestFinished }) => {
      const family = await stray(onTestFinished)
      process.kill(family[which], 'SIGKILL')
      await until(async () => !(await isAlive(family.pid)))
    })
  })

  test('a command whose guard was killed is ended and started again', async ({ onTestFinished }) => {
    const { send, count, lines } = await serve(onTestFinished, 'v1')
    const { pid } = (await json(await send('/environment'))) as { pid: number }
    const guard = Number(await processField('ppid', pid))
    process.kill(guard, 'SIGKILL')
    await until(async () => !(await isAlive(pid)))
    await until(() => lines.some(line => line.startsWith('starting again: ') && line.includes('was killed')))
    await count(1)
  })

  test('instances get ports of their own', async ({ onTestFinished }) => {
    const { deployer, send } = await serve(onTestFinished, 'v1', [], { instances: 3 })
    const ports = await Promise.all(
      [1, 2, 3].map(async () => json(await send('/environment')) as Promise<{ env: { PORT: string } }>),
    )
    expect(new Set(ports.map(({ env }) => env.PORT)).size).toBe(3)
    expect(deployer.status('digits', 'v1')).toHaveLength(3)
  })
})

// Alone, since it measures time.
test('a server that was killed takes its commands with it within two seconds', async ({ onTestFinished }) => {
  const parent = spawn(process.execPath, [doomedParent], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
  const { command: pid, grandchild } = JSON.parse(line) as Record<string, number>
  const family = [pid ?? 0, grandchild ?? 0]
  expect(await Promise.all(family.map(isAlive))).toEqual([true, true])
  parent.kill('SIGKILL')
  const killedAtMs = Date.now()
  await until(async () => !(await Promise.all(family.map(isAlive))).includes(true))
  expect(Date.now() - killedAtMs).toBeLessThan(2_000)
})
