/** The thread of one ONNX instance: the runtime blocks while it runs, so it must not share the gateway's thread. */
import { parentPort, workerData } from 'node:worker_threads'
import type { InferenceSession } from 'onnxruntime-node'
import { infer, type Model } from './infer.ts'
import { datatypeOf, type RuntimeTensor, type TensorInfo } from './tensors.ts'

export type WorkerInput = { endpoint: string; version: string; path: string }
export type WorkerRequest = { id: number; body: Uint8Array }
export type WorkerMessage =
  | { type: 'loaded'; inputs: readonly TensorInfo[]; outputs: readonly TensorInfo[] }
  | { type: 'unloadable'; message: string }
  | { type: 'answer'; id: number; status: number; body: Uint8Array }

const { endpoint, version, path } = workerData as WorkerInput
const utf8 = new TextEncoder()

function say(message: WorkerMessage): void {
  parentPort?.postMessage(message)
}

type Metadata = readonly { name: string; isTensor?: boolean; type?: string; shape?: readonly (number | string)[] }[]

function infos(metadata: Metadata): TensorInfo[] {
  return metadata.map(one => {
    if (one.isTensor === false) throw new Error(`\`${one.name}\` is not a tensor (export without ZipMap)`)
    return {
      name: one.name,
      datatype: datatypeOf(one.type ?? 'unknown'),
      shape: (one.shape ?? []).map(size => (typeof size === 'number' && size >= 0 ? size : -1)),
    }
  })
}

async function load(): Promise<Model> {
  const runtime = await import('onnxruntime-node').catch((error: unknown) => {
    throw new Error(
      `onnxruntime-node is not installed (${error instanceof Error ? error.message : error}); install it with: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node`,
    )
  })
  const { InferenceSession, Tensor } = 'default' in runtime ? (runtime.default as typeof runtime) : runtime
  const session: InferenceSession = await InferenceSession.create(path, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  })
  return {
    endpoint,
    version,
    inputs: infos(session.inputMetadata as Metadata),
    outputs: infos(session.outputMetadata as Metadata),
    async run(feeds, outputs) {
      const given = Object.fromEntries(
        Object.entries(feeds).map(([name, one]) => [
          name,
          new Tensor(one.type as 'float32', one.data as Float32Array, one.dims),
        ]),
      )
      const results = await session.run(given, [...outputs])
      return Object.fromEntries(
        Object.entries(results).map(([name, one]): [string, RuntimeTensor] => [
          name,
          { type: one.type, dims: one.dims, data: one.data },
        ]),
      )
    },
  }
}

try {
  const model = await load()
  parentPort?.on('message', async ({ id, body }: WorkerRequest) => {
    const answer = await infer(model, body)
    const bytes = utf8.encode(answer.body)
    parentPort?.postMessage({ type: 'answer', id, status: answer.status, body: bytes } satisfies WorkerMessage, [
      bytes.buffer,
    ])
  })
  say({ type: 'loaded', inputs: model.inputs, outputs: model.outputs })
} catch (error) {
  say({ type: 'unloadable', message: error instanceof Error ? error.message : String(error) })
}
