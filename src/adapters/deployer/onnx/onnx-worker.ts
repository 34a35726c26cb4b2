/** The thread of one ONNX instance: parses, runs and writes, so that the main thread only passes bytes. */
import { parentPort, workerData } from 'node:worker_threads'
import { ClientFault } from './client-fault.ts'
import { readBody } from './infer-body.ts'
import { readInferRequest } from './infer-request.ts'
import { writeInferResponse } from './infer-response.ts'
import { loadModel, type Model } from './model.ts'
import type { FromWorker, ToWorker, WorkerPlan } from './worker-messages.ts'

const { path, modelName, modelVersion } = workerData as WorkerPlan
const encoder = new TextEncoder()

try {
  const model = await loadModel(path)
  const exactIntegers = model.metadata.inputs.some(({ datatype }) => datatype === 'INT64' || datatype === 'UINT64')
  parentPort?.on('message', (request: ToWorker) => void answer(model, request, exactIntegers))
  tell({ kind: 'loaded', metadata: model.metadata })
} catch (error) {
  tell({ kind: 'failed', message: messageOf(error) })
}

async function answer(model: Model, { id, body, encoding }: ToWorker, exactIntegers: boolean): Promise<void> {
  const { status, text } = await infer(model, body, encoding, exactIntegers)
  const bytes = encoder.encode(text)
  tell({ kind: 'answer', id, status, body: bytes }, [bytes.buffer])
}

/** A request that does not fit answers 400 and is the caller's fault; anything else that fails answers 500. */
async function infer(model: Model, body: Uint8Array, encoding: string, exactIntegers: boolean) {
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
