import { datatypes, type TensorData } from './datatypes.ts'
import { toBytes } from './tensor-bytes.ts'
import type { WantedOutput } from './wanted-outputs.ts'

export type OutputTensor = { data: TensorData; dims: readonly number[] }

type NamedOutput = WantedOutput & { tensor: OutputTensor }

type Answer = {
  modelName: string
  modelVersion: string
  id: string | null
  outputs: readonly NamedOutput[]
}

/** `tensors` are the bytes behind the JSON; null if the answer is JSON alone. */
export type InferResponse = { json: string; tensors: readonly Uint8Array[] | null }

/**
 * The answer in the Open Inference Protocol. Written by hand, since JSON.stringify has no 64-bit integers.
 * Throws if an output in JSON has a NaN or an infinity, which that cannot carry.
 */
export function writeInferResponse(answer: Answer): InferResponse {
  const head = [
    `"model_name":${JSON.stringify(answer.modelName)}`,
    `"model_version":${JSON.stringify(answer.modelVersion)}`,
    ...(answer.id === null ? [] : [`"id":${JSON.stringify(answer.id)}`]),
  ]
  const tensors: Uint8Array[] = []
  const outputs = answer.outputs.map(output => {
    if (!output.binary) return writeOutput(output, `"data":[${jsonElements(output)}]`)
    const bytes = toBytes(output.tensor.data)
    tensors.push(bytes)
    return writeOutput(output, `"parameters":{"binary_data_size":${bytes.byteLength}}`)
  })
  return {
    json: `{${head.join(',')},"outputs":[${outputs.join(',')}]}`,
    tensors: answer.outputs.some(({ binary }) => binary) ? tensors : null,
  }
}

function writeOutput({ name, datatype, tensor }: NamedOutput, content: string): string {
  const shape = JSON.stringify(tensor.dims)
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":${shape},${content}}`
}

function jsonElements({ name, datatype, tensor }: NamedOutput): string {
  const written = datatypes.get(datatype)?.json?.write(tensor.data)
  if (written === undefined) throw new Error(`no such datatype: ${datatype}`)
  if (typeof written === 'number') {
    throw new Error(`output "${name}" has ${tensor.data[written]} as element ${written}, which JSON cannot carry`)
  }
  return written
}
