/** The Python client's own tests, against a real server with the digits. Needs python3; `.ci/run` sees to it. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openWorkplace, root } from './process.ts'

const client = join(root, 'clients/python')
const digits = join(root, 'examples/digits')

/** What Python's own runner says at its end, with nothing left out: a test that was skipped is named there. */
function runTests(env: Readonly<Record<string, string>>): Promise<{ code: number | null; said: string }> {
  const words = ['-B', '-m', 'unittest', 'discover', '-s', join(client, 'tests')]
  const child = spawn('python3', words, {
    env: { ...process.env, PYTHONPATH: client, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ code, said }))
  })
}

it('asks, tells what became known, and releases a better and a broken version', { timeout: 300_000 }, async () => {
  const place = await openWorkplace()
  onTestFinished(() => place.close())
  const server = await place.serve(['-c', join(digits, 'cutover.yaml')])
  const { code, said } = await runTests({
    CUTOVER_INFERENCE: server.inferenceUrl,
    CUTOVER_SERVER: server.controlUrl,
    DIGITS: digits,
  })
  expect(said).toMatch(/\nRan \d+ tests in [\d.]+s\n\nOK\n$/)
  expect(code).toBe(0)
})
