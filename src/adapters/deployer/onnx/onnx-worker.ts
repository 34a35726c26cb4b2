/** The thread of one ONNX instance: parses, runs and writes, so that the main thread only passes bytes. */
import { parentPort, workerData } from 'node:worker_threads'
import { ClientFault } from './client-fault.ts'
import { readBody } from './infer-body.ts'
import { readInferRequest } from './infer-request.ts'
import { writeInferResponse } from './infer-response.ts'
import { loadModel, type Model } from './model.ts'
import type { FromWorker, InferMessage, ToWorker, WorkerPlan } from './worker-messages.ts'

const { path, modelName, modelVersion } = workerData as WorkerPlan
const encoder = new TextEncoder()

let model: Model | null = null
let exactIntegers = false
let running = 0
let stopping = false

parentPort?.on('message', (message: ToWorker) => {
  if (message.kind === 'infer') void answer(message)
  else {
    stopping = true
    void endIfIdle()
  }
})

try {
  running += 1
  model = await loadModel(path)
  exactIntegers = model.metadata.inputs.some(({ datatype }) => datatype === 'INT64' || datatype === 'UINT64')
  tell({ kind: 'loaded', metadata: model.metadata })
} catch (error) {
  stopping = true
  tell({ kind: 'failed', message: messageOf(error) })
} finally {
  running -= 1
  await endIfIdle()
}

async function answer({ id, body, encoding }: InferMessage): Promise<void> {
  if (model === null || stopping) return
  running += 1
  const { status, text } = await infer(model, body, encoding)
  running -= 1
  const bytes = encoder.encode(text)
  tell({ kind: 'answer', id, status, body: bytes }, [bytes.buffer])
  await endIfIdle()
}

/** The thread ends by itself, never from outside: onnxruntime takes the whole process down if it is stopped in a run. */
async function endIfIdle(): Promise<void> {
  if (!stopping || running > 0) return
  const loaded = model
  model = null
  await loaded?.release()
  parentPort?.close()
}

/** A request that does not fit answers 400 and is the caller's fault; anything else that fails answers 500. */
async function infer(model: Model, body: Uint8Array, encoding: string) {
  try {
    const request = readInferRequest(readBody(body, encoding, exactIntegers), model.metadata)
    const results = await model.run(request)
    const outputs = request.outputs.map(spec => ({ ...spec, tensor: results.get(spec.name) ?? missing(spec.name) }))
    return { status: 200, text: writeInferResponse({ modelName, modelVersion, id: request.id, outputs }) }
  } catch (error) {
    const status = error instanceof ClientFault ? error.status : 500
    return { status, text: JSON.stringify({ error: messageOf(error) }) }
  }
}

function missing(name: string): never {
  throw new Error(`output "${name}" is missing in the result`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function tell(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}
