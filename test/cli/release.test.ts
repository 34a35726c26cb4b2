import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type ControlServer, promoted, rolledBack, running, startControlServer } from '../support/control-server.ts'
import { digits, toV2 } from '../support/documents.ts'
import { call } from '../support/http.ts'
import { type RunOptions, runCli } from '../support/run-cli.ts'

let server: ControlServer
beforeEach(async () => {
  server = await startControlServer()
  await call(`${server.url}/api/v1/endpoints`, { json: digits })
})
afterEach(() => server.close())

const cutover = (line: string, options: RunOptions = {}) =>
  runCli([...line.split(' '), '--server', server.url], options)
const { tell } = { tell: (...args: Parameters<ControlServer['control']['tell']>) => server.control.tell(...args) }

/** Runs something once the output shows that the release has started. */
function onceShown(word: string, run: () => void): RunOptions {
  let done = false
  return {
    onOut: out => {
      if (done || !out.includes(word)) return
      done = true
      run()
    },
  }
}

describe('release', () => {
  it('starts one and says how to follow it', async () => {
    const { code, out } = await cutover('release digits --to v2')
    expect([code, out]).toEqual([
      0,
      'Release digits-1 started: digits from v1 to v2 by canary 1%, 5%, 25%, 50%\nfollow it: cutover status digits-1 --watch\n',
    ])
    expect(JSON.parse((await cutover('status digits-1 -o json')).out)).toMatchObject({
      id: 'digits-1',
      state: 'active',
    })
  })

  it('takes a file, which need not repeat what the command says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cutover-'))
    const stages = [{ canary: { steps: ['10%'] } }]
    writeFileSync(join(folder, 'short.yaml'), stringify({ stages }))
    writeFileSync(join(folder, 'other.yaml'), stringify({ ...toV2, to: 'v3' }))
    writeFileSync(join(folder, 'bad.yaml'), stringify({ stages: [{ canary: { steps: ['x'] } }] }))
    const other = await cutover('release digits --to v2 -f other.yaml', { cwd: folder })
    const bad = await cutover('release digits --to v2 -f bad.yaml', { cwd: folder })
    const good = await cutover('release digits --to v2 -f short.yaml -o json', { cwd: folder })
    rmSync(folder, { recursive: true })
    expect(other).toMatchObject({
      code: 2,
      err: expect.stringContaining('other.yaml:3 to: is not what the command says'),
    })
    expect(bad).toMatchObject({
      code: 2,
      err: expect.stringContaining('bad.yaml:4 stages[0].canary.steps[0]: is not a perc'),
    })
    expect(JSON.parse(good.out)).toMatchObject({ plan: { stages: [{ steps: [{ weightPpm: 100_000 }] }] } })
  })

  it.each([
    ['release digits', 2, 'a version is needed: --to VERSION'],
    ['release digits --to v2 --strategy magic', 2, 'Allowed choices are'],
    ['release digits --to v2 --strategy canary -f x.yaml', 2, 'cannot be used with'],
    ['release digits --to v2 --wait --timeout soon', 2, 'not a duration'],
    ['release digits --to v2 --timeout 3s', 2, '--timeout needs --wait'],
    ['release digits --to v2 --strategy bandit', 2, 'not available yet'],
    ['release digits --to v9', 2, 'allowed: v1, v2, v3'],
    ['release letters --to v2', 2, 'there is no endpoint letters'],
    ['release digits --to v1', 1, 'stable'],
  ])('%s exits with %i', async (line, code, message) => {
    expect(await cutover(line)).toMatchObject({ code, err: expect.stringContaining(message) })
    expect(server.control.state().releases).toEqual({})
  })
})

describe('waiting for a release', () => {
  it('prints the story as it comes and ends with 0 when it is promoted', async () => {
    const { code, out } = await cutover(
      'release digits --to v2 --wait',
      onceShown('v1 to v2', () => {
        tell('digits-1', { kind: 'weight', text: 'v2 gets 1%', candidatePpm: 10_000 }, running)
        tell('digits-1', { kind: 'promoted', text: 'v2 serves all', candidatePpm: 1_000_000 }, promoted)
      }),
    )
    expect(code).toBe(0)
    expect(out.split('\n')).toEqual([
      'Release digits-1: digits from v1 to v2',
      '   +0:00      0%  v1 to v2',
      '   +0:01      1%  v2 gets 1%',
      '   +0:02    100%  v2 serves all',
      '',
    ])
  })

  it('ends with 3 when it is rolled back', async () => {
    const story = onceShown('started', () => tell('digits-1', { kind: 'rolled-back', text: 'back' }, rolledBack))
    const { code, out } = await cutover('release digits --to v2 --wait -o json', story)
    const lines = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect([code, lines.map(({ kind }) => kind)]).toEqual([3, ['started', 'rolled-back']])
  })

  it('ends with 4 when it holds, and says how to go on', async () => {
    const hold = { sinceMs: 0, cause: 'approval' as const, reason: 'all steps passed' }
    const story = onceShown('v1 to v2', () => tell('digits-1', { kind: 'hold', text: 'waits' }, { ...running, hold }))
    const { code, out } = await cutover('release digits --to v2 --wait', story)
    expect([code, out]).toEqual([4, expect.stringMatching(/waits\nRelease digits-1 holds; .*approve/)])
  })

  it('does not end at a hold that is over already', async () => {
    const story = onceShown('v1 to v2', () => {
      tell('digits-1', { kind: 'hold', text: 'waits' }, running)
      tell('digits-1', { kind: 'promoted', text: 'done' }, promoted)
    })
    expect((await cutover('release digits --to v2 --wait', story)).code).toBe(0)
  })

  it('ends with 4 when the time is over, and lets the release go on', async () => {
    const { code, out } = await cutover('release digits --to v2 --wait --timeout 50ms')
    expect([code, out]).toEqual([4, expect.stringContaining('goes on; follow it: cutover status digits-1 --watch')])
    expect(server.control.release('digits-1').release.phase.kind).toBe('starting')
  })
})

describe('status --watch', () => {
  it('follows the only release under way past holds', async () => {
    expect(await cutover('status --watch')).toMatchObject({ code: 1, err: expect.stringContaining('no release') })
    await cutover('release digits --to v2')
    const hold = { sinceMs: 0, cause: 'ceiling' as const, reason: 'no traffic' }
    tell('digits-1', { kind: 'hold', text: 'waits' }, { ...running, hold })
    const story = onceShown('waits', () => tell('digits-1', { kind: 'rolled-back', text: 'back' }, rolledBack))
    expect(await cutover('status --watch', story)).toMatchObject({ code: 3, out: expect.stringContaining('back\n') })
  })

  it('tells a finished story to its end', async () => {
    await cutover('release digits --to v2')
    await cutover('promote digits-1')
    const { code, out } = await cutover('status digits-1 --watch -o json')
    expect([code, out.trimEnd().split('\n').length]).toEqual([0, 3])
  })

  it('takes the story up again after a broken connection, without a gap and without repeating', async () => {
    await cutover('release digits --to v2')
    const cable = await startCable(server.port)
    const story = onceShown('first', () => {
      cable.cut()
      tell('digits-1', { kind: 'weight', text: 'second' }, running)
      tell('digits-1', { kind: 'promoted', text: 'third' }, promoted)
    })
    tell('digits-1', { kind: 'weight', text: 'first' }, running)
    const { code, out } = await runCli(['status', 'digits-1', '--watch', '-o', 'json', '--server', cable.url], story)
    await cable.close()
    const texts = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).text)
    expect([code, texts]).toEqual([0, ['v1 to v2', 'first', 'second', 'third']])
  })
})

/** A connection to the server that can be cut in the middle. */
async function startCable(port: number) {
  const sockets = new Set<Socket>()
  const cable: Server = createServer()
  cable.removeAllListeners('connection')
  cable.on('connection', (client: Socket) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy()).on('close', () => [client, upstream].map(end => end.destroy()))
    }
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>(resolve => cable.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const close = async () => {
    cut()
    await new Promise(resolve => cable.close(resolve))
  }
  return { url: `http://127.0.0.1:${(cable.address() as AddressInfo).port}`, cut, close }
}
