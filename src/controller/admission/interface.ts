/** Whether a version can stand in for another: what callers send must fit it, and the predicted value must be in its answer. */
import type { AnswerRule, EndpointSpec, Protocol } from '../../core/endpoint.ts'
import type { Problem } from '../../core/errors.ts'
import type { ModelMetadata, TensorMetadata } from '../../ports/backend.ts'

export type Interface = { version: string; metadata: ModelMetadata }

/** What callers of `stable` send must be taken by `candidate`: the same inputs, the same datatypes, shapes no narrower. */
export function misfits(stable: Interface, candidate: Interface): Problem[] {
  const path = `versions.${candidate.version}`
  const wanted = stable.metadata.inputs
  const given = candidate.metadata.inputs
  const unknown = given.filter(one => !wanted.some(other => other.name === one.name))
  return [
    ...unknown.map(one => ({
      path,
      message: `the model takes an input ${write(one)} that callers of ${stable.version} do not send`,
      allowed: wanted.map(write),
    })),
    ...wanted.flatMap(expected => {
      const found = given.find(one => one.name === expected.name)
      if (found !== undefined && takes(found, expected)) return []
      const has = found === undefined ? `has no input ${expected.name}` : `takes ${write(found)}`
      return [
        {
          path,
          message: `the model ${has}; callers of ${stable.version} send ${write(expected)}`,
          allowed: [write(expected)],
        },
      ]
    }),
  ]
}

/** The tensor that is compared with the label is among the outputs. */
export function missingAnswer(one: Interface, endpoint: { answer: AnswerRule | null; protocol: Protocol }): Problem[] {
  const { answer, protocol } = endpoint
  const outputs = one.metadata.outputs.map(output => output.name)
  if (answer === null || protocol !== 'open-inference' || outputs.includes(answer.output)) return []
  return [
    {
      path: 'prediction.output',
      message: `version ${one.version} has no such output`,
      value: answer.output,
      allowed: outputs,
    },
  ]
}

/** Tensors that features are read from are among the inputs, and wide enough. */
export function missingFeatures(one: Interface, { features = {} }: Pick<EndpointSpec, 'features'>): Problem[] {
  const { inputs } = one.metadata
  return Object.entries(features).flatMap(([name, { source }]): Problem[] => {
    if (source.from !== 'input') return []
    const path = `features.${name}`
    const input = inputs.find(known => known.name === source.tensor)
    if (input === undefined) {
      const message = `version ${one.version} has no such input`
      return [{ path: `${path}.input`, message, value: source.tensor, allowed: inputs.map(known => known.name) }]
    }
    const width = rowWidth(input)
    if (source.index === null || width === null || source.index < width) return []
    const message = `a row of ${write(input)} of version ${one.version} has ${width} elements`
    return [{ path: `${path}.index`, message, value: source.index, allowed: [`0 to ${width - 1}`] }]
  })
}

/** Null where the model leaves a size open. */
function rowWidth({ shape }: TensorMetadata): number | null {
  const inner = shape.slice(1)
  return shape.length === 0 || inner.includes(-1) ? null : inner.reduce((product, size) => product * size, 1)
}

function takes(found: TensorMetadata, expected: TensorMetadata): boolean {
  if (found.datatype !== expected.datatype || found.shape.length !== expected.shape.length) return false
  return found.shape.every((size, axis) => size === -1 || size === expected.shape[axis])
}

function write({ name, datatype, shape }: TensorMetadata): string {
  return `${name} ${datatype} [${shape.join(', ')}]`
}
