/** A model server of one's own, in Python, by command and by address. Needs python3; `.ci/run` sees to it. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { getJson, openWorkplace, root, until, type Workplace } from './process.ts'

const heldOut: { images: number[][]; labels: number[] } = JSON.parse(
  readFileSync(join(root, 'examples/digits/heldout.json'), 'utf8'),
)
const server = join(root, 'examples/servers/http_server.py')

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

const versions = (flavours: readonly string[]) =>
  flavours
    .map(
      flavour =>
        `  ${flavour}: { command: [python3, ${server}, --port, "{port}", --flavour, ${flavour}], instances: 2, ready: { path: /health } }`,
    )
    .join('\n')
const endpoint = (flavours: readonly string[]) => `kind: Endpoint
name: digits
protocol: http
stable: ${flavours[0]}
versions:
${versions(flavours)}
prediction: { output: /label }
metrics: { accuracy: { type: accuracy } }
`

async function drive(inferenceUrl: string, isOver: () => Promise<boolean>): Promise<{ sent: number; failed: number }> {
  const tally = { sent: 0, failed: 0 }
  const one = async (index: number): Promise<void> => {
    const response = await fetch(`${inferenceUrl}/endpoints/digits/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-cutover-unit': `unit-${index}` },
      body: JSON.stringify({ image: heldOut.images[index % heldOut.images.length] }),
    })
    await response.arrayBuffer()
    tally.sent += 1
    if (response.status !== 200) tally.failed += 1
    const prediction = response.headers.get('x-cutover-prediction-id')
    const body = JSON.stringify({ prediction, label: heldOut.labels[index % heldOut.labels.length] })
    await (
      await fetch(`${inferenceUrl}/v1/feedback`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
    ).arrayBuffer()
  }
  for (let index = 0; !(await isOver()); index += 20)
    await Promise.all(Array.from({ length: 20 }, (_, offset) => one(index + offset)))
  return tally
}

const release = (to: string) => `kind: Release
endpoint: digits
to: ${to}
guardrails: { error-rate: { margin: 1pp }, accuracy: { margin: 3pp } }
stages: [ { canary: { steps: [ 10%, 50% ] } } ]
`

it('a broken Python model is taken back and not one request fails', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint(['good', 'broken']))])
  const applied = await place.cutover(['apply', '-f', place.write('release.yaml', release('broken'))])
  expect(applied.code, applied.stderr).toBe(0)
  const stateOf = async () => (await getJson(`${running.controlUrl}/api/v1/releases/digits-1`)).state
  const tally = await drive(running.inferenceUrl, async () => ['promoted', 'rolled-back'].includes(await stateOf()))
  expect(await stateOf()).toBe('rolled-back')
  expect(tally.failed).toBe(0)
})

it('a model server that keeps crashing is taken back', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint(['good', 'crash']))])
  const applied = await place.cutover(['apply', '-f', place.write('release.yaml', release('crash'))])
  expect(applied.code, applied.stderr).toBe(0)
  const stateOf = async () => (await getJson(`${running.controlUrl}/api/v1/releases/digits-1`)).state
  await drive(running.inferenceUrl, async () => ['promoted', 'rolled-back'].includes(await stateOf()))
  expect(await stateOf()).toBe('rolled-back')
})

it('no process of a command outlives a server that is killed', async () => {
  const running = await place.serve(['-c', place.write('cutover.yaml', endpoint(['good']))])
  // Callers are let in as soon as one instance is ready; the other may be a moment behind.
  await until(async () => processesIn(place.folder).length === 2)
  const pids = processesIn(place.folder)
  await running.kill()
  await until(async () => pids.every(pid => !isAlive(pid)))
})

it('a server that runs already is used by its address', async () => {
  const child = spawn('python3', [server, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const url = await new Promise<string>(done =>
      child.stdout.on('data', chunk => done(/http:\/\/\S+/.exec(String(chunk))?.[0] ?? '')),
    )
    const running = await place.serve([
      '-c',
      place.write(
        'cutover.yaml',
        `kind: Endpoint
name: digits
stable: v1
versions: { v1: { url: "${url}" } }
prediction: { output: label }
`,
      ),
    ])
    const response = await fetch(`${running.inferenceUrl}/v2/models/digits/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: heldOut.images[0] }] }),
    })
    expect(response.status).toBe(200)
    expect(JSON.parse(await response.text()).outputs[0].data).toEqual([heldOut.labels[0]])
  } finally {
    child.kill('SIGTERM')
  }
})

/** The processes of commands: they run in the folder of the file. */
function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        return (
          readlinkSync(`/proc/${pid}/cwd`) === folder &&
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('http_server.py')
        )
      } catch {
        return false
      }
    })
    .map(Number)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
