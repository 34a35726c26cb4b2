/** The thread of one ONNX instance: parses, runs and writes, so that the main thread only passes bytes. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { planBatches } from './batch-plan.ts'
import { type Answer, Inference } from './infer.ts'
import type { InferRequest } from './infer-request.ts'
import { loadModel, type Model } from './model.ts'
import { pack } from './packed.ts'
import type { FromWorker, InferItem, ToWorker, WorkerPlan } from './worker-messages.ts'

/** An answer that is ready waits at most this long for others to leave with it. */
const holdMs = 0.5

type Read = { id: number; request: InferRequest; key: string | null; rows: number }

const { path, modelName, modelVersion, batch } = workerData as WorkerPlan
const unread: InferItem[] = []
/** With batches: read already, so that it is known which of them fit together. */
let read: Read[] = []
let ready: { id: number; answer: Answer }[] = []
let sentMs = 0
let model: Model | null = null
let inference: Inference | null = null
/** While the model is loaded, while it runs, and once it is let go. */
let isBusy = true
let isStopping = false

parentPort?.on('message', (message: ToWorker) => {
  hear(message)
  void work()
})

try {
  model = await loadModel(path)
  inference = new Inference(model, { modelName, modelVersion })
  tell({ kind: 'loaded', metadata: model.metadata })
} catch (error) {
  isStopping = true
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
}
isBusy = false
await work()

function hear(message: ToWorker): void {
  if (message.kind === 'infer') unread.push(...message.items)
  else isStopping = true
}

/** What came while the model ran is there, but the event loop has not come round to it. */
function hearAll(): void {
  if (parentPort === null) return
  for (let next = receiveMessageOnPort(parentPort); next !== undefined; next = receiveMessageOnPort(parentPort)) {
    hear(next.message as ToWorker)
  }
}

async function work(): Promise<void> {
  if (isBusy) return
  isBusy = true
  sentMs = performance.now()
  hearAll()
  while (inference !== null && !isStopping && unread.length + read.length > 0) {
    await (batch === null ? answerNext(inference) : answerBatch(inference, batch.rowsMax))
    hearAll()
    if (performance.now() - sentMs >= holdMs) send()
  }
  send()
  if (isStopping) await end()
  else isBusy = false
}

async function answerNext(by: Inference): Promise<void> {
  const item = unread.shift()
  if (item === undefined) return
  const request = by.read(item.body, item)
  ready.push({ id: item.id, answer: 'status' in request ? request : await by.answer(request) })
}

/** Runs the batch of the oldest request; the others are planned anew with those that come meanwhile. */
async function answerBatch(by: Inference, rowsMax: number): Promise<void> {
  for (const { id, body, ...form } of unread.splice(0)) {
    const request = by.read(body, form)
    if ('status' in request) ready.push({ id, answer: request })
    else read.push({ id, request, ...by.batchable(request) })
  }
  const chosen = new Set(planBatches(read, rowsMax)[0])
  const together = read.filter((_, place) => chosen.has(place))
  read = read.filter((_, place) => !chosen.has(place))
  const answers = await answerAll(by, together)
  for (const [at, answer] of answers.entries()) ready.push({ id: together[at]?.id ?? -1, answer })
}

async function answerAll(by: Inference, together: readonly Read[]): Promise<readonly Answer[]> {
  const [first, ...others] = together
  if (first === undefined) return []
  if (others.length === 0) return [await by.answer(first.request)]
  return by.answerTogether(together.map(({ request }) => request))
}

function send(): void {
  if (ready.length === 0) return
  const { bodies, buffers } = pack(
    ready.map(({ answer }) => answer.parts),
    true,
  )
  const answers = ready.map(({ id, answer: { status, jsonBytes } }, at) => {
    return { id, status, jsonBytes, body: bodies[at] ?? new Uint8Array() }
  })
  const nowMs = performance.now()
  tell({ kind: 'answers', answers, busyMs: nowMs - sentMs }, buffers)
  ready = []
  sentMs = nowMs
}

/** The thread ends by itself, never from outside: onnxruntime takes the whole process down if it is stopped in a run. */
async function end(): Promise<void> {
  await model?.release()
  parentPort?.close()
}

function tell(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}
