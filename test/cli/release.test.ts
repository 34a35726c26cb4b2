import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server, type ServerResponse } from 'node:http'
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

  it.each([
    ['recreate', 'recreate holding callers up to 30 s'],
    ['rolling', 'rolling max-surge 25%, max-unavailable 25%'],
  ])('goes by %s with every default if told so', async (strategy, words) => {
    const { code, out } = await cutover(`release digits --to v2 --strategy ${strategy}`)
    expect([code, out]).toEqual([0, expect.stringContaining(`digits from v1 to v2 by ${words}\n`)])
    expect((await cutover('explain digits-1')).out).toContain(words)
  })

  it('goes by blue-green with every default if told so', async () => {
    const { code, out } = await cutover('release digits --to v2 --strategy blueGreen')
    expect([code, out]).toEqual([0, expect.stringContaining('digits from v1 to v2 by blueGreen\n')])
    const plan = JSON.parse((await cutover('status digits-1 -o json')).out).plan
    expect(plan.stages).toMatchObject([
      { kind: 'blueGreen', promotion: 'automatic', watchMs: 300_000, keepMs: 900_000 },
    ])
  })

  it('says what a canary asks for beyond its weights', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cutover-'))
    const canary = { steps: ['1%', { weight: '25%', approve: true }], control: 'equal' }
    writeFileSync(join(folder, 'control.yaml'), stringify({ stages: [{ canary }] }))
    const { out } = await cutover('release digits --to v2 -f control.yaml', { cwd: folder })
    rmSync(folder, { recursive: true })
    expect(out).toContain('by canary 1%, 25% until approved, beside a control of equal size\n')
  })

  it('shows in a dry run what it will take, and starts nothing', async () => {
    const { code, out } = await cutover('release digits --to v2 --dry-run')
    expect(code).toBe(0)
    expect(out).toContain('Release/digits-1 would be started')
    expect(out).toContain('forecast, 10 requests a second\n    canary: at most 4 instances at once\n')
    expect(out).toContain('step 1 at 1%: 100 requests, about 17 min, holds after 24 h')
    expect(out).toMatch(/dry run: nothing has changed\n$/)
    expect(await cutover('release digits --to v2 --dry-run --wait')).toMatchObject({ code: 2 })
    expect(server.control.state().releases).toEqual({})
  })

  it('takes a file, which need not repeat what the command says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cutover-'))
    const stages = [{ canary: { steps: ['10%'] } }]
    const write = (name: string, ...documents: unknown[]) =>
      writeFileSync(join(folder, name), documents.map(document => stringify(document)).join('---\n'))
    write('short.yaml', { stages })
    write('all.yaml', digits, { ...toV2, endpoint: 'letters' }, { ...toV2, stages })
    write('bad.yaml', { stages: [{ canary: { steps: ['x'] } }] })
    const release = (words: string) => cutover(`release digits ${words} -o json`, { cwd: folder })
    const other = await release('--to v3 -f all.yaml')
    const bad = await release('--to v2 -f bad.yaml')
    const none = await cutover('release numbers --to v2 -f all.yaml', { cwd: folder })
    const good = [await release('--to v2 -f short.yaml'), await release('--to v2 -f short.yaml')]
    await cutover('abort digits-1')
    good.push(await release('-f all.yaml'))
    rmSync(folder, { recursive: true })
    expect(other).toMatchObject({ code: 2, err: expect.stringMatching(/all\.yaml:\d+ to/) })
    expect(bad).toMatchObject({ code: 2, err: expect.stringContaining('bad.yaml:4 stages[0].canary.steps[0]') })
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining('all.yaml holds 0 releases of numbers') })
    expect(good.map(({ code }) => code)).toEqual([0, 1, 0])
    expect(JSON.parse(good[2]?.out ?? '')).toMatchObject({
      to: 'v2',
      plan: { stages: [{ steps: [{ weightPpm: 100_000 }] }] },
    })
  })

  it.each([
    ['release digits', 2, 'a version is needed: --to VERSION'],
    ['release digits --to v2 --strategy magic', 2, 'Allowed choices are'],
    ['release digits --to v2 --strategy canary -f x.yaml', 2, 'cannot be used with'],
    ['release digits --to v2 --wait --timeout soon', 2, 'not a duration'],
    ['release digits --to v2 --timeout 3s', 2, '--timeout needs --wait'],
    ['release digits --to v2 --strategy magic', 2, 'Allowed choices are recreate'],
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

  it.each([
    ['for approval', 'hold', { ...running, hold: { sinceMs: 0, cause: 'approval' as const, reason: 'all passed' } }],
    ['past its ceiling', 'hold', { ...running, hold: { sinceMs: 0, cause: 'ceiling' as const, reason: 'no traffic' } }],
    ['paused by hand', 'paused', { ...running, paused: true }],
  ] as const)('ends with 4 when it waits %s, and says how to go on', async (_, kind, phase) => {
    const story = onceShown('v1 to v2', () => tell('digits-1', { kind, text: 'waits' }, phase))
    const { code, out } = await cutover('release digits --to v2 --wait', story)
    expect([code, out]).toEqual([4, expect.stringMatching(/waits\nRelease digits-1 needs a person: .*approve/)])
  })

  it('waits out a hold that ends by itself, and one that is over already', async () => {
    const hold = { sinceMs: 0, cause: 'invalid' as const, reason: 'the split is not as planned' }
    const holding = onceShown('v1 to v2', () => {
      tell('digits-1', { kind: 'hold', text: 'approval' }, running)
      tell('digits-1', { kind: 'hold', text: 'split' }, { ...running, hold })
    })
    const ending = onceShown('split', () => tell('digits-1', { kind: 'promoted', text: 'done' }, promoted))
    const onOut = (out: string) => [holding, ending].map(step => step.onOut?.(out))
    expect((await cutover('release digits --to v2 --wait', { onOut })).code).toBe(0)
  })

  it('ends with 0 when the candidate serves everybody, and leaves probation to itself', async () => {
    const probation = { kind: 'probation' as const, untilMs: 0 }
    const story = onceShown('v1 to v2', () => tell('digits-1', { kind: 'promoted', text: 'v2 is stable' }, probation))
    expect((await cutover('release digits --to v2 --wait', story)).code).toBe(0)
    const end = onceShown('is stable', () => tell('digits-1', { kind: 'rolled-back', text: 'late labels' }, rolledBack))
    expect((await cutover('status digits-1 --watch', end)).code).toBe(3)
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

  it('waits for a server that a proxy finds away', async () => {
    await cutover('release digits --to v2')
    const proxy = await startProxy(server.port, 1)
    const story = onceShown('first', () => {
      proxy.cut()
      tell('digits-1', { kind: 'promoted', text: 'second' }, promoted)
    })
    tell('digits-1', { kind: 'weight', text: 'first' }, running)
    const { code, out } = await runCli(['status', 'digits-1', '--watch', '--server', proxy.url], story)
    await proxy.close()
    expect([code, out.includes('second')]).toEqual([0, true])
  })
})

/** Passes on whatever it is asked, but says that nobody is there to as many requests as follow a cut. */
async function startProxy(port: number, absences: number) {
  let left = 0
  const open = new Set<ServerResponse>()
  const proxy = createServer((question, answer) => {
    if (left > 0) {
      left -= 1
      answer.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>')
      return
    }
    open.add(answer)
    const { url: path, method, headers } = question
    const passed = request({ host: '127.0.0.1', port, path, method, headers }, found => {
      answer.writeHead(found.statusCode ?? 0, found.headers)
      found.pipe(answer)
    })
    question.pipe(passed)
    answer.on('close', () => passed.destroy())
    passed.on('error', () => answer.destroy())
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    left = absences
    for (const answer of open) answer.destroy()
  }
  const close = async () => {
    proxy.closeAllConnections()
    await new Promise(resolve => proxy.close(resolve))
  }
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, cut, close }
}

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
