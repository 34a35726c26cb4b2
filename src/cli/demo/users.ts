/** Simulated users of the digits endpoint: real held-out images over real sockets, and the true labels some time later. */
import { readFileSync } from 'node:fs'
import { createRandom } from './random.ts'

const users = 400
const requestsPerSecond = 300
const paceMs = 20
/** Requests open at once; beyond that a user waits, so that a slow server slows the users down and not the machine. */
const openMax = 128
const labelDelayMs = { least: 500, most: 2_500 }

export type HeldOut = { images: readonly (readonly number[])[]; labels: readonly number[] }

export type Tally = { sent: number; failed: number; labelled: number }

export interface Users {
  readonly tally: Readonly<Tally>
  readonly count: number
  readonly requestsPerSecond: number
  stop(): Promise<void>
}

type DueLabel = { dueMs: number; prediction: string; label: number }

export function loadHeldOut(file: URL): HeldOut {
  return JSON.parse(readFileSync(file, 'utf8')) as HeldOut
}

/** Begins to send; goes on until stopped. */
export function startUsers(options: { inferenceUrl: string; heldOut: HeldOut; seed: number }): Users {
  const { inferenceUrl, heldOut } = options
  const random = createRandom(options.seed)
  const tally: Tally = { sent: 0, failed: 0, labelled: 0 }
  const open = new Set<Promise<void>>()
  let due: DueLabel[] = []
  let owed = 0
  let lastMs = performance.now()

  const ask = async (): Promise<void> => {
    const row = Math.floor(random() * heldOut.images.length)
    const user = `user-${1 + Math.floor(random() * users)}`
    const delayMs = labelDelayMs.least + random() * (labelDelayMs.most - labelDelayMs.least)
    try {
      const prediction = await predict({ inferenceUrl, user, image: heldOut.images[row] ?? [] })
      tally.sent += 1
      due.push({ dueMs: performance.now() + delayMs, prediction, label: heldOut.labels[row] ?? 0 })
    } catch {
      tally.sent += 1
      tally.failed += 1
    }
  }

  const sendLabels = async (): Promise<void> => {
    const now = performance.now()
    const ready = due.filter(one => one.dueMs <= now)
    if (ready.length === 0) return
    due = due.filter(one => one.dueMs > now)
    await postLabels(inferenceUrl, ready).then(
      () => {
        tally.labelled += ready.length
      },
      // A server that is busy or restarts gets them again: feedback is idempotent.
      () => due.push(...ready),
    )
  }

  const keep = (work: Promise<void>): void => {
    open.add(work)
    void work.finally(() => open.delete(work))
  }

  const timer = setInterval(() => {
    const now = performance.now()
    owed = Math.min(openMax, owed + ((now - lastMs) / 1_000) * requestsPerSecond)
    lastMs = now
    for (; owed >= 1 && open.size < openMax; owed--) keep(ask())
    keep(sendLabels())
  }, paceMs)

  return {
    tally,
    count: users,
    requestsPerSecond,
    async stop() {
      clearInterval(timer)
      await Promise.allSettled(open)
    },
  }
}

async function predict(request: { inferenceUrl: string; user: string; image: readonly number[] }): Promise<string> {
  const response = await fetch(`${request.inferenceUrl}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user-id': request.user },
    body: JSON.stringify({ inputs: [{ name: 'image', shape: [1, 64], datatype: 'FP32', data: request.image }] }),
  })
  await response.arrayBuffer()
  const prediction = response.headers.get('x-cutover-prediction-id')
  if (response.status !== 200 || prediction === null) throw new Error(`status ${response.status}`)
  return prediction
}

async function postLabels(inferenceUrl: string, labels: readonly DueLabel[]): Promise<void> {
  const response = await fetch(`${inferenceUrl}/v1/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(labels.map(({ prediction, label }) => ({ prediction, label }))),
  })
  await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`status ${response.status}`)
}
