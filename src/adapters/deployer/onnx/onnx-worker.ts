/** The thread of one ONNX instance: parses, runs and writes, so that the main thread only passes bytes. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { assertNever } from '../../../core/errors.ts'
import { planBatches } from './batch-plan.ts'
import { type Answer, Inference } from './infer.ts'
import type { InferRequest } from './infer-request.ts'
import { loadModel, type Model } from './model.ts'
import { pack } from './packed.ts'
import type { FromWorker, InferItem, ToWorker, WorkerPlan } from './worker-messages.ts'

/** An answer that is ready waits at most this long for others to leave with it. */
const holdMs = 0.5

/** Ids are those of the port that they came by. */
type Came = { port: MessagePort; item: InferItem }
type Read = { id: number; port: MessagePort; request: InferRequest; key: string | null; rows: number }

const { path, modelName, modelVersion, batch } = workerData as WorkerPlan
const unread: Came[] = []
/** Those of other threads that call the model. */
const ports = new Set<MessagePort>()
/** With batches: read already, so that it is known which of them fit together. */
let read: Read[] = []
let ready: { id: number; port: MessagePort; answer: Answer }[] = []
let sentMs = 0
let model: Model | null = null
let inference: Inference | null = null
/** While the model is loaded, while it runs, and once it is let go. */
let isBusy = true
let isStopping = false

if (parentPort !== null) listen(parentPort)

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

function listen(port: MessagePort): void {
  ports.add(port)
  port.on('message', (message: ToWorker) => {
    hear(port, message)
    void work()
  })
  port.on('close', () => ports.delete(port))
}

function hear(port: MessagePort, message: ToWorker): void {
  switch (message.kind) {
    case 'infer':
      for (const item of message.items) unread.push({ port, item })
      return
    case 'connect':
      listen(message.port)
      return
    case 'stop':
      isStopping = true
      return
    default:
      assertNever(message)
  }
}

/** What came while the model ran is there, but the event loop has not come round to it. */
function hearAll(): void {
  for (const port of ports) {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      hear(port, next.message as ToWorker)
    }
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
  const came = unread.shift()
  if (came === undefined) return
  const { port, item } = came
  const request = by.read(item.body, item)
  ready.push({ id: item.id, port, answer: 'status' in request ? request : await by.answer(request) })
}

/** Runs the batch of the oldest request; the others are planned anew with those that come meanwhile. */
async function answerBatch(by: Inference, rowsMax: number): Promise<void> {
  for (const { port, item } of unread.splice(0)) {
    const { id, body, ...form } = item
    const request = by.read(body, form)
    if ('status' in request) ready.push({ id, port, answer: request })
    else read.push({ id, port, request, ...by.batchable(request) })
  }
  const chosen = new Set(planBatches(read, rowsMax)[0])
  const together = read.filter((_, place) => chosen.has(place))
  read = read.filter((_, place) => !chosen.has(place))
  const answers = await answerAll(by, together)
  for (const [at, { id, port }] of together.entries()) {
    const answer = answers[at]
    if (answer !== undefined) ready.push({ id, port, answer })
  }
}

async function answerAll(by: Inference, together: readonly Read[]): Promise<readonly Answer[]> {
  const [first, ...others] = together
  if (first === undefined) return []
  if (others.length === 0) return [await by.answer(first.request)]
  return by.answerTogether(together.map(({ request }) => request))
}

function send(): void {
  if (ready.length === 0) return
  const byPort = Map.groupBy(ready, ({ port }) => port)
  const nowMs = performance.now()
  // Each is told its share of the time, so that it knows what a request takes.
  const msEach = (nowMs - sentMs) / ready.length
  for (const [port, those] of byPort) sendTo(port, those, msEach * those.length)
  ready = []
  sentMs = nowMs
}

function sendTo(port: MessagePort, those: readonly { id: number; answer: Answer }[], busyMs: number): void {
  const { bodies, buffers } = pack(
    those.map(({ answer }) => answer.parts),
    true,
  )
  const answers = those.map(({ id, answer: { status, jsonBytes } }, at) => {
    return { id, status, jsonBytes, body: bodies[at] ?? new Uint8Array() }
  })
  port.postMessage({ kind: 'answers', answers, busyMs } satisfies FromWorker, buffers)
}

/** The thread ends by itself, never from outside: onnxruntime takes the whole process down if it is stopped in a run. */
async function end(): Promise<void> {
  await model?.release()
  for (const port of ports) port.close()
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message)
}
