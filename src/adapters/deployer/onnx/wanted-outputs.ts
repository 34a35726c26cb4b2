/** Which outputs a request asks for, and in which form. */
import type { ModelMetadata, TensorMetadata } from '../../../ports/backend.ts'
import { ClientFault, quote } from './client-fault.ts'
import { datatypes } from './datatypes.ts'
import { flag, readParameters } from './parameters.ts'

/** `binary`: as bytes behind the JSON. */
export type WantedOutput = TensorMetadata & { binary: boolean }

/** In the order asked; all of the model's if none or an empty list is given. */
export function readOutputs(outputs: unknown, binary: boolean, model: ModelMetadata): readonly WantedOutput[] {
  if (outputs === undefined) return allOutputs(model, binary)
  if (!Array.isArray(outputs)) throw new ClientFault('"outputs" must be an array of objects with a name')
  const names = new Set<string>()
  const wanted = outputs.map(output => {
    const one = readOutput(output, binary, model)
    if (names.has(one.name)) throw new ClientFault(`output "${one.name}" is asked for twice`)
    names.add(one.name)
    return one
  })
  return wanted.length === 0 ? allOutputs(model, binary) : wanted
}

export function allOutputs(model: ModelMetadata, binary: boolean): readonly WantedOutput[] {
  return model.outputs.map(spec => inForm(spec, binary))
}

function readOutput(output: unknown, binary: boolean, model: ModelMetadata): WantedOutput {
  const { name, parameters } = fieldsOf(output)
  const spec = model.outputs.find(candidate => candidate.name === name)
  if (spec === undefined) {
    throw new ClientFault(`there is no output ${quote(name)}; this model gives ${listTensors(model.outputs)}`)
  }
  const owner = `output "${spec.name}"`
  return inForm(spec, flag(readParameters(parameters, owner), 'binary_data', owner) ?? binary)
}

function fieldsOf(output: unknown): { name?: unknown; parameters?: unknown } {
  return typeof output === 'object' && output !== null && !Array.isArray(output) ? output : { name: output }
}

function inForm(spec: TensorMetadata, binary: boolean): WantedOutput {
  if (!binary && datatypes.get(spec.datatype)?.json === null) {
    const advice = 'ask for it with the parameter "binary_data": true, or "binary_data_output": true for all'
    throw new ClientFault(`output "${spec.name}" is ${spec.datatype}, which has no JSON form; ${advice}`)
  }
  return { ...spec, binary }
}

export function listTensors(tensors: readonly TensorMetadata[]): string {
  return tensors.map(describeTensor).join(', ')
}

export function describeTensor({ name, datatype, shape }: TensorMetadata): string {
  return `"${name}" (${datatype} ${JSON.stringify(shape)})`
}
