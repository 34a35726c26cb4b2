import { describe, expect, onTestFinished, test } from 'vitest'
import { Inference } from '../../../src/adapters/deployer/onnx/infer.ts'
import { loadModel } from '../../../src/adapters/deployer/onnx/model.ts'
import { onnxModel } from '../../fixtures/onnx-model.ts'
import { temporaryFile } from './support.ts'

type Shape = readonly (number | string)[]

const tensor = (name: string, shape: Shape) => ({ name, datatype: 'FP32', shape }) as const

async function loaded(model: Uint8Array): Promise<Inference> {
  const one = await loadModel(temporaryFile('m.onnx', model))
  onTestFinished(() => one.release())
  return new Inference(one, { modelName: 'm', modelVersion: 'v1' })
}

const twoInputs = (op: string, a: Shape, b: Shape) =>
  onnxModel({
    nodes: [{ op, inputs: ['a', 'b'], outputs: ['y'] }],
    inputs: [tensor('a', a), tensor('b', b)],
    outputs: [tensor('y', ['rows', 'columns'])],
  })

function given(name: string, shape: number[]) {
  const elements = shape.reduce((product, size) => product * size, 1)
  return { name, datatype: 'FP32', shape, data: Array.from({ length: elements }, (_, at) => at) }
}

async function ask(inference: Inference, a: number[], b: number[]) {
  const body = Buffer.from(JSON.stringify({ inputs: [given('a', a), given('b', b)] }))
  const read = inference.read(body, { encoding: '', jsonBytes: null })
  const answer = 'status' in read ? read : await inference.answer(read)
  return { status: answer.status, ...JSON.parse(Buffer.concat(answer.parts).toString()) }
}

describe('inputs that disagree in a size which the model names', () => {
  const sums = () => loaded(twoInputs('Add', ['batch', 'features'], ['batch', 'features']))

  test('are the fault of the request where the model fails on them, and the answer says which and how', async () => {
    expect(await ask(await sums(), [2, 2], [3, 2])).toEqual({
      status: 400,
      error:
        'the size that the model calls "batch" is 2 in input "a" (shape [2,2]) and 3 in input "b" (shape [3,2]); ' +
        'it takes the same in both',
    })
  })

  test('are answered where the model takes them', async () => {
    expect(await ask(await sums(), [1, 2], [3, 2])).toMatchObject({ status: 200, outputs: [{ shape: [3, 2] }] })
  })

  test('may do so in one input', async () => {
    const square = await loaded(twoInputs('MatMul', ['n', 'n'], ['n', 'm']))
    const { status, error } = await ask(square, [2, 3], [2, 2])
    expect(status).toBe(400)
    expect(error).toContain('"n" is 2 in input "a" (shape [2,3]) and 3 in input "a" (shape [2,3])')
  })

  test('cannot be told where sizes have no name: then the model failed', async () => {
    const nameless = await loaded(twoInputs('Add', ['', ''], ['', '']))
    const { status, error } = await ask(nameless, [2, 2], [3, 2])
    expect(status).toBe(500)
    expect(error).toMatch(/^the model failed: /)
  })
})
