import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeFinding } from '../../src/cli/commands/doctor.ts'
import { CutoverError } from '../../src/core/errors.ts'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call } from '../support/http.ts'
import { runCli } from '../support/run-cli.ts'

const commands = [
  ...['serve', 'demo', 'apply', 'get', 'describe', 'delete', 'release', 'status'],
  ...['promote', 'pause', 'resume', 'approve', 'abort', 'rollback', 'explain', 'feedback', 'doctor', 'completion'],
  ...['flags', 'advise', 'simulate', 'backtest'],
]

let server: ControlServer
beforeAll(async () => {
  server = await startControlServer()
})
afterAll(() => server.close())

describe('help', () => {
  it.each(commands)('of %s has examples and the options that all commands take', async command => {
    const { code, out } = await runCli([command, '--help'])
    expect(code).toBe(0)
    expect(out).toContain(`Usage: cutover ${command}`)
    expect(out).toMatch(new RegExp(`Examples:\n.*cutover ${command}`))
    for (const option of ['-o, --output <format>', '--server <url>', '--inference <url>']) expect(out).toContain(option)
  })

  it('lists every command and the exit codes', async () => {
    const { code, out } = await runCli(['--help'])
    expect(code).toBe(0)
    for (const command of commands) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'))
    expect(out).toContain('Exit codes: 0 done, 1 failed, 2 usage, 3 release rolled back, 4 release holds')
  })

  it('tells the version', async () => {
    expect(await runCli(['--version'])).toEqual({ code: 0, out: '1.2.3\n', err: '' })
  })

  it.each([[[]], [['aply']], [['status', '--wtach']], [['get']], [['status', '-o', 'xml']]])(
    '%j is a matter of usage',
    async argv => {
      const { code, out, err } = await runCli(argv)
      expect([code, out]).toEqual([2, ''])
      expect(err).not.toBe('')
    },
  )

  it.each([
    [['release'], "missing required argument 'endpoint'"],
    [['status', '--wtach'], "unknown option '--wtach' (Did you mean --watch?)"],
    [['nix'], "unknown command 'nix'"],
    [['help', 'nix'], "unknown command 'nix'"],
    [['key', '--help'], "unknown command 'key'"],
    [['feedback', '--row', 'x'], "option '--row <number>' argument 'x' is invalid. It is not a number."],
    [['flags'], 'a command is missing'],
  ])('%j with -o json is told as JSON', async (argv, message) => {
    const { code, err } = await runCli([...argv, '-o', 'json'])
    expect(code).toBe(2)
    expect(JSON.parse(err)).toMatchObject({ error: { message, code: null } })
  })

  it('a command that needs another one names those that there are', async () => {
    const { err } = await runCli(['-o', 'json', 'segments'])
    expect(JSON.parse(err).error.problems).toMatchObject([
      { path: 'cutover segments', message: 'needs a command', allowed: expect.arrayContaining(['list']) },
    ])
  })

  it.each([['key'], ['keys', 'crate']])('the help of %j, which is no command, is one too', async (...argv) => {
    const { code, err } = await runCli([...argv, '--help'])
    expect([code, err]).toEqual([2, `error: unknown command '${argv.at(-1)}'\n`])
  })

  it.each([
    ['release', 'digits', '-f', 'a.yaml', '-f', 'b.yaml'],
    ['simulate', '-f', 'a.yaml', '-f', 'b.yaml'],
    ['backtest', 'digits', '-f', 'a.yaml', '-f', 'b.yaml'],
    ['feedback', '-f', 'a.yaml', '-f', 'b.yaml'],
  ])('%s reads one file, and does not leave out the first of two', async (...argv) => {
    const { code, err } = await runCli(argv)
    expect([code, err]).toEqual([2, expect.stringContaining('One file is read, and a.yaml is given too.')])
  })

  it.each([
    [['release'], 'cutover release --help'],
    [['flags', 'set', 'ranker'], 'cutover flags set --help'],
    [['status', '--wtach'], 'cutover status --help'],
    [['aply'], 'cutover COMMAND --help'],
  ])('%j names the help that tells', async (argv, help) => {
    expect((await runCli(argv)).err).toContain(`(${help} shows how)\n`)
  })

  it('guesses what was meant', async () => {
    expect((await runCli(['aply'])).err).toContain('Did you mean apply?')
  })
})

describe('serve and demo', () => {
  it('are handed their flags as they were typed', async () => {
    const seen: unknown[] = []
    const actions = {
      serve: async (flags: unknown, _: unknown, output: unknown) => seen.push({ ...Object(flags), output }) + 6,
      demo: async (options: unknown) => seen.push(options) + 6,
    }
    const serve = [
      'serve',
      '-c',
      'c.yaml',
      '--data',
      'd',
      '--inference-port',
      '1',
      '--control-host',
      '::1',
      '--log-level',
      'warn',
    ]
    expect((await runCli(serve, { actions })).code).toBe(7)
    expect((await runCli(['demo', '--once', '--seed', '3', '-o', 'json'], { actions })).code).toBe(8)
    expect((await runCli(['demo'], { actions })).code).toBe(9)
    expect(seen).toEqual([
      { config: 'c.yaml', data: 'd', inferencePort: '1', controlHost: '::1', logLevel: 'warn', output: 'text' },
      { once: true, seed: 3, output: 'json' },
      { once: false, seed: null, output: 'text' },
    ])
    expect((await runCli(['demo', '--seed', 'x'])).code).toBe(2)
    expect((await runCli(['serve', '--log-level', 'loud'])).code).toBe(2)
  })

  it.each([
    ['binding-refused', 2],
    ['invalid-resource', 2],
    ['port-in-use', 1],
    ['data-folder-locked', 1],
  ] as const)('exit after %s with %i', async (code, exitCode) => {
    const problems = [{ path: '--control-host', message: 'is not loopback', value: '0.0.0.0', allowed: ['127.0.0.1'] }]
    const serve = async () => {
      throw new CutoverError(code, 'refused', problems)
    }
    const ran = await runCli(['serve'], { actions: { serve } })
    expect(ran).toEqual({
      code: exitCode,
      out: '',
      err: 'error: refused\n  --control-host: is not loopback (got "0.0.0.0"; allowed: 127.0.0.1)\n',
    })
  })
})

describe('a server that is not there', () => {
  it.each([['status'], ['get', 'endpoints'], ['release', 'digits', '--to', 'v2', '--wait'], ['promote', 'x']])(
    'fails %s with its address and how to start one',
    async (...argv) => {
      const { code, err } = await runCli([...argv, '--server', 'http://127.0.0.1:9'])
      expect([code, err]).toEqual([1, expect.stringMatching(/127\.0\.0\.1:9 \(.*cutover serve.*--server URL/)])
    },
  )

  it('is told from one that is no Cutover', async () => {
    const other = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
    await new Promise(resolve => other.once('listening', resolve))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const { code, err } = await runCli(['status', '--server', url])
    const doctor = await runCli(['doctor', '--server', url, '--inference', 'http://127.0.0.1:9'])
    other.close()
    expect([code, err]).toEqual([1, expect.stringContaining('not as Cutover does')])
    expect([doctor.code, doctor.out]).toEqual([1, expect.stringContaining('used by another program')])
  })

  it('comes from a flag, else from the environment', async () => {
    const env = { CUTOVER_SERVER: server.url }
    expect((await runCli(['status'], { env })).code).toBe(0)
    expect((await runCli(['status', '--server', 'nowhere'], { env })).code).toBe(2)
    expect((await runCli(['--server', server.url, '-o', 'json', 'status'])).out).toMatch(/^\{/)
  })
})

describe('doctor', () => {
  type Finding = { name: string; status: string; remedy: string | null }
  const doctor = async (...argv: string[]) => {
    const { code, out } = await runCli(['doctor', '-o', 'json', ...argv])
    const checks = (JSON.parse(out) as { checks: Finding[] }).checks
    return { code, status: Object.fromEntries(checks.map(({ name, status }) => [name, status])), checks }
  }

  it('finds nothing wrong where a server is still to be started', async () => {
    const nowhere = ['--server', 'http://127.0.0.1:9', '--inference', 'http://127.0.0.1:11']
    const { code, status, checks } = await doctor(...nowhere, '--data', `${tmpdir()}/not/there/yet`)
    expect(code).toBe(0)
    expect(status).toMatchObject({
      node: 'ok',
      'data folder': 'ok',
      'inference port': 'ok',
      'control port': 'ok',
      server: 'warn',
    })
    expect(checks.filter(({ status, remedy }) => status !== 'ok' && remedy === null)).toEqual([])
  })

  it('looks at the endpoints of a running server', async () => {
    const serving = ['--server', server.url, '--inference', server.url]
    expect((await doctor(...serving)).status).toMatchObject({ server: 'ok', endpoints: 'warn', 'inference port': 'ok' })
    await call(`${server.url}/api/v1/endpoints`, { json: digits })
    expect((await doctor(...serving)).status).toMatchObject({ 'endpoint digits': 'ok' })
    const down = await startControlServer()
    await call(`${down.url}/api/v1/endpoints`, { json: digits })
    const instance = { id: 'v1-0', state: 'failed' as const, detail: 'no such file' }
    down.control.instances = () => [instance]
    const { code, out } = await runCli(['doctor', '--server', down.url, '--inference', down.url])
    await down.close()
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(/fail +endpoint digits +no instance of v1 is ready: no such file\n +look/),
    ])
  })

  it('says what an old Node or a folder out of reach needs', async () => {
    expect(nodeFinding('20.11.0')).toMatchObject({ status: 'fail', remedy: expect.stringContaining('24') })
    expect(nodeFinding('24.0.0')).toMatchObject({ status: 'ok', remedy: null })
    const { code, status } = await doctor(
      '--data',
      `${import.meta.filename}/data`,
      '--server',
      server.url,
      '--inference',
      server.url,
    )
    expect([code, status['data folder']]).toEqual([1, 'fail'])
  })
})

describe('completion', () => {
  const complete = (words: string[]) => {
    const script = `eval "$(cat)"; COMP_WORDS=(cutover ${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _cutover; echo "\${COMPREPLY[*]}"`
    return async () => {
      const { out } = await runCli(['completion', 'bash'])
      return spawnSync('bash', ['-c', script], { input: out, encoding: 'utf8' }).stdout.trim()
    }
  }

  it.each([
    [['rel'], 'release'],
    [['get', 'ver'], 'versions'],
    [['release', 'digits', '--str'], '--strategy'],
    [['release', 'digits', '--strategy', 'can'], 'canary'],
    [['status', '-o', 'x', '--wa'], '--watch'],
    [['release', 'digits', '-o', 'j'], 'json'],
    [['delete', 'e'], 'endpoints'],
    [['completion', 'b'], 'bash'],
  ])('in bash of %j is %s', async (words, expected) => expect(await complete(words)()).toBe(expected))

  it.each(['zsh', 'fish'])('for %s names every command', async shell => {
    const { code, out } = await runCli(['completion', shell])
    expect(code).toBe(0)
    for (const command of commands) expect(out).toContain(command)
  })

  it('for another shell is a matter of usage', async () => {
    expect((await runCli(['completion', 'csh'])).code).toBe(2)
  })
})

it('loads nothing at start that an older Node lacks', () => {
  const seen = new Set<string>()
  const visit = (url: URL) => {
    if (seen.has(url.href)) return
    seen.add(url.href)
    const imports = readFileSync(url, 'utf8').matchAll(/^(?:import|export) (?!type )[^']*from '([^']+)'/gm)
    for (const [, path = ''] of imports) {
      if (path.startsWith('.')) visit(new URL(path, url))
      else seen.add(path)
    }
  }
  visit(new URL('../../src/cli/cli.ts', import.meta.url))
  const packages = [...seen].filter(name => !name.startsWith('file:')).toSorted()
  expect(packages).toEqual(['commander', 'node:fs', 'node:fs/promises', 'node:net', 'node:os', 'node:path', 'zod'])
  expect([...seen].filter(name => name.startsWith('file:') && !/\/src\/(cli|contract)\//.test(name))).toEqual([])
})
