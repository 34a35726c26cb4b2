import type { TensorMetadata } from '../../../ports/backend.ts'
import { datatypes, type TensorData } from './datatypes.ts'

export type OutputTensor = { data: TensorData; dims: readonly number[] }

type Answer = {
  modelName: string
  modelVersion: string
  id: string | null
  outputs: readonly (TensorMetadata & { tensor: OutputTensor })[]
}

/**
 * The answer as Open Inference Protocol JSON. Written by hand, since JSON.stringify has no 64-bit integers.
 * Throws if an output has a NaN or an infinity, which JSON cannot carry.
 */
export function writeInferResponse(answer: Answer): string {
  const head = [
    `"model_name":${JSON.stringify(answer.modelName)}`,
    `"model_version":${JSON.stringify(answer.modelVersion)}`,
    ...(answer.id === null ? [] : [`"id":${JSON.stringify(answer.id)}`]),
  ]
  return `{${head.join(',')},"outputs":[${answer.outputs.map(writeOutput).join(',')}]}`
}

function writeOutput({ name, datatype, tensor }: TensorMetadata & { tensor: OutputTensor }): string {
  const written = datatypes.get(datatype)?.write(tensor.data)
  if (written === undefined) throw new Error(`no such datatype: ${datatype}`)
  if (typeof written === 'number') {
    throw new Error(`output "${name}" has ${tensor.data[written]} as element ${written}, which JSON cannot carry`)
  }
  const shape = JSON.stringify(tensor.dims)
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":${shape},"data":[${written}]}`
}
