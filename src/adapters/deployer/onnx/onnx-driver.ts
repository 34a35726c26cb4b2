import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { Batching, VersionSpec } from '../../../core/endpoint.ts'
import { CutoverError } from '../../../core/errors.ts'
import type { ModelMetadata } from '../../../ports/backend.ts'
import type { Driver, Replica, ReplicaEvents, ReplicaPlan } from '../replica.ts'
import { batchProblem } from './batch-tensors.ts'
import { OnnxInstance } from './onnx-instance.ts'

/** The worker beside this file, from the sources or compiled. */
const ownWorker = new URL(`./onnx-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** ONNX models inside Cutover's own process, each instance in a thread of its own. */
export function createOnnxDriver(workerUrl: URL = ownWorker): Driver {
  return {
    readyNeeds: 'all',
    size: version => version.instances,
    async check(version) {
      const { path, batch } = onnxBackend(version)
      const problem = (await fileProblem(path)) ?? (await tryLoading(path, workerUrl))
      if (typeof problem === 'string') {
        const detail = `the model ${path} cannot be served: ${problem}`
        throw new CutoverError('model-invalid', detail, [{ path: 'onnx', message: problem, value: path }])
      }
      if (batch !== undefined && problem !== null) refuseBatch(path, batch, problem)
      return problem
    },
    start: (plan, events) => startOnnxReplica(plan, events, workerUrl),
  }
}

function startOnnxReplica(plan: ReplicaPlan, events: ReplicaEvents, workerUrl: URL): Replica {
  const { path, batch = null } = onnxBackend(plan.version)
  const names = { modelName: plan.endpoint, modelVersion: plan.version.name }
  const instance = new OnnxInstance(
    plan.id,
    workerUrl,
    { path, batch, ...names },
    {
      loaded: () => events.ready(instance),
      ended: (detail, final) => events.ended(final ? `the model ${path} cannot be loaded: ${detail}` : detail, final),
    },
  )
  return { end: () => instance.close() }
}

async function fileProblem(path: string): Promise<string | null> {
  try {
    const found = await stat(path)
    if (!found.isFile()) return 'it is not a file'
    if (found.size === 0) return 'the file is empty'
    await access(path, constants.R_OK)
    return null
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file'
    return code === 'EACCES' ? 'the file may not be read' : String(error)
  }
}

/** Loads it as an instance would, in a thread, so that a large or broken model does not stop the rest. */
async function tryLoading(path: string, workerUrl: URL): Promise<string | ModelMetadata | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const plan = { path, modelName: '', modelVersion: '', batch: null }
  const instance = new OnnxInstance(`check of ${path}`, workerUrl, plan, {
    loaded: () => resolve(null),
    ended: resolve,
  })
  const problem = await promise
  const metadata = instance.metadata()
  await instance.close()
  return problem ?? metadata
}

function refuseBatch(path: string, { rowsMax }: Batching, model: ModelMetadata): void {
  const problem = batchProblem(model)
  if (problem === null) return
  const detail = `the model ${path} cannot be served in batches: ${problem}`
  throw new CutoverError('model-invalid', detail, [{ path: 'onnx.max-batch', message: problem, value: rowsMax }])
}

function onnxBackend({ backend }: VersionSpec) {
  if (backend.kind === 'onnx') return backend
  throw new Error(`not an onnx backend: ${backend.kind}`)
}
