import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type { ModelMetadata, TensorMetadata } from '../../../ports/backend.ts'
import { ClientFault } from './client-fault.ts'
import { datatypeName, type TensorData } from './datatypes.ts'
import type { InputTensor } from './infer-request.ts'
import type { OutputTensor } from './infer-response.ts'
import { type DeclaredShapes, disagreement } from './named-sizes.ts'

export type Outputs = ReadonlyMap<string, OutputTensor>

export type Model = {
  metadata: ModelMetadata
  /** Runs it on inputs that were checked; gives the outputs of these names. */
  run(inputs: readonly InputTensor[], wanted: readonly string[]): Promise<Outputs>
  release(): Promise<void>
}

const installHint =
  'ONNX models need the optional package onnxruntime-node; install it with: ' +
  'ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node'

/** One thread each: `run` blocks its own thread, and instances are how a version uses more cores. */
const sessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  // Errors are thrown; its own log would only repeat them.
  logSeverityLevel: 4,
} as const

/** Throws an error with a sentence for the person who made the model. */
export async function loadModel(path: string): Promise<Model> {
  const runtime = await loadRuntime()
  const session = await runtime.InferenceSession.create(path, sessionOptions)
  const metadata = {
    platform: 'onnxruntime_onnx',
    inputs: session.inputMetadata.map(value => tensorMetadata('input', value)),
    outputs: session.outputMetadata.map(value => tensorMetadata('output', value)),
    extensions: ['binary_tensor_data'],
  }
  const declared = new Map(session.inputMetadata.map(value => [value.name, value.isTensor ? value.shape : []]))
  return {
    metadata,
    async run(inputs, wanted) {
      try {
        return await run(session, runtime.Tensor, inputs, wanted)
      } catch (error) {
        throw runFault(error, inputs, declared)
      }
    },
    release: () => session.release(),
  }
}

async function loadRuntime() {
  try {
    return await import('onnxruntime-node')
  } catch (error) {
    throw new Error(`${installHint} (${error instanceof Error ? error.message : error})`)
  }
}

function tensorMetadata(role: string, value: InferenceSession.ValueMetadata): TensorMetadata {
  if (!value.isTensor) {
    const advice = 'export the model with tensors only (with skl2onnx: options zipmap=False)'
    throw new Error(`its ${role} "${value.name}" is not a tensor but a sequence or a map; ${advice}`)
  }
  const datatype = datatypeName(value.type)
  if (datatype === null) {
    const advice = 'which the Open Inference Protocol does not have; cast it to float32'
    throw new Error(`its ${role} "${value.name}" is of type ${value.type}, ${advice}`)
  }
  return { name: value.name, datatype, shape: value.shape.map(size => (typeof size === 'number' ? size : -1)) }
}

async function run(
  session: InferenceSession,
  TensorClass: typeof Tensor,
  inputs: readonly InputTensor[],
  wanted: readonly string[],
): Promise<Outputs> {
  const feeds = Object.fromEntries(inputs.map(input => [input.name, inputTensor(TensorClass, input)]))
  const results = await session.run(feeds, wanted)
  return new Map(wanted.map(name => [name, outputTensor(results[name])]))
}

/**
 * Halves are handed over as the 16 bits that they are: of a Float16Array, which the constructor makes of them, the
 * binding of 1.30 takes no bytes at all ("not enough space").
 */
function inputTensor(TensorClass: typeof Tensor, { type, data, dims }: InputTensor): Tensor {
  if (type !== 'float16') return new TensorClass(type, data, [...dims])
  return Object.assign(new TensorClass('uint16', data as Uint16Array, [...dims]), { type })
}

function outputTensor(tensor: Tensor | undefined): OutputTensor {
  if (tensor === undefined) throw new Error('an output is missing in the result')
  return { data: tensor.data as TensorData, dims: tensor.dims }
}

/**
 * onnxruntime compares the shapes of inputs once more; that is about the request, all else is about the model. It does not
 * hold inputs to the sizes that they share by name, and many a model takes unlike ones all the same (as 1 against N): only
 * where it fails are these to blame.
 */
function runFault(error: unknown, inputs: readonly InputTensor[], declared: DeclaredShapes): Error {
  const message = error instanceof Error ? error.message : String(error)
  const aboutInput = /^(Invalid rank|Got invalid dimensions) for input/.test(message)
  const fault = aboutInput ? message : disagreement(inputs, declared)
  return fault === null ? new Error(`the model failed: ${message}`) : new ClientFault(fault)
}
