/** Blue-green on real processes, under load that never pauses. Needs python3; `.ci/run` sees to it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, type ServerProcess, until, type Workplace } from './process.ts'

const heldOut: { images: number[][] } = JSON.parse(readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'))
const program = join(root, 'examples/servers/http_server.py')
const version = (name: string, words: string) =>
  `  ${name}: { command: [python3, ${program}, --port, "{port}", ${words}], instances: 2, ready: { path: /health } }`

const endpoint = `kind: Endpoint
name: digits
protocol: http
stable: blue
versions:
${version('blue', '--flavour, good')}
${version('green', '--flavour, slow, --delay-ms, "1"')}
${version('bad', '--flavour, broken')}
prediction: { output: /label }
payload-sample: 100%
`

const release = (to: string, promotion: string) => `kind: Release
endpoint: digits
to: ${to}
guardrails: { error-rate: { margin: 1pp } }
stages:
  - blueGreen:
      smoke:
        - { path: /predict, body: { image: ${JSON.stringify(heldOut.images[0])} }, expect: { within: 5s, contains: label } }
      replay: { requests: 200, agreement: 95%, paths: [/predict] }
      promotion: ${promotion}
      watch: 2s
      shares: [the feature store]
`

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

/** Callers in lanes, each with its next request as soon as its last one is answered. */
function load(inferenceUrl: string, lanes = 8) {
  const answers: { status: number; version: string | null }[] = []
  let isOver = false
  const lane = async (first: number): Promise<void> => {
    for (let index = first; !isOver; index += lanes) {
      const { status, headers } = await predict(inferenceUrl, index)
      answers.push({ status, version: headers.get('x-cutover-version') })
    }
  }
  const running = Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)))
  return {
    answers,
    async stop() {
      isOver = true
      await running
      return answers
    },
  }
}

async function predict(inferenceUrl: string, index: number, headers: Record<string, string> = {}) {
  const response = await fetch(`${inferenceUrl}/endpoints/digits/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${index}`, ...headers },
    body: JSON.stringify({ image: heldOut.images[index % heldOut.images.length] }),
  })
  await response.arrayBuffer()
  return response
}

async function begun(to: string, promotion: string) {
  const server = await place.serve(['-c', place.write('cutover.yaml', endpoint)])
  const callers = load(server.inferenceUrl)
  await until(async () => callers.answers.length >= 400)
  const applied = await place.cutover(['apply', '-f', place.write('release.yaml', release(to, promotion))])
  expect(applied.code, applied.stderr).toBe(0)
  return { server, callers }
}

const releaseOf = (server: ServerProcess) => getJson(`${server.controlUrl}/api/v1/releases/digits-1`)

async function told(words: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.cutover(words)
  expect(code, stderr).toBe(0)
  return stdout
}

it('smoke, replay, switch, watch and the return by one command: not one request fails', async () => {
  const { server, callers } = await begun('green', 'manual')
  await until(async () => (await releaseOf(server)).hold?.cause === 'approval')
  const seen = await predict(server.inferenceUrl, 0, { 'x-cutover-preview': 'green' })
  expect(seen.headers.get('x-cutover-version')).toBe('green')
  expect(callers.answers.every(one => one.version === 'blue')).toBe(true)

  await told(['approve', 'digits-1'])
  await until(async () => (await releaseOf(server)).phase === 'probation')
  expect((await predict(server.inferenceUrl, 0)).headers.get('x-cutover-version')).toBe('green')

  await told(['rollback', 'digits-1'])
  await until(async () => (await releaseOf(server)).phase === 'rolled-back')
  expect((await predict(server.inferenceUrl, 0)).headers.get('x-cutover-version')).toBe('blue')

  const answers = await callers.stop()
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  expect(answers.filter(one => one.version === 'green').length).toBeGreaterThan(100)

  const story = await told(['explain', 'digits-1'])
  expect(story).toMatch(/trial digits-1\/smoke\/1: 1 sent, 1 answered without error/)
  expect(story).toMatch(/trial digits-1\/replay\/1: 200 sent, 200 answered without error.* 200 of 200 as expected/)
  expect(story).toMatch(/both versions use the feature store/)
  expect(story).toMatch(/before against after the switch, not at the same time/)
})

it('a bad green is caught by the replay before anybody met it', async () => {
  const { server, callers } = await begun('bad', 'automatic')
  await until(async () => (await releaseOf(server)).phase === 'rolled-back')
  const ended = await releaseOf(server)
  expect(ended.returned.cause).toBe('stage-failed')
  expect(ended.returned.reason).toMatch(/^replay: \d+ of 200 answers alike .* refuted$/)
  expect(ended.exposed).toEqual({ from: null, to: expect.anything() })

  const answers = await callers.stop()
  expect(answers.filter(({ status, version: by }) => status !== 200 || by !== 'blue')).toEqual([])
  const story = await told(['explain', 'digits-1'])
  expect(story).toMatch(/another answer; expected \d; answered \d/)
})
