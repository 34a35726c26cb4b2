import { resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createDeployer } from '../../../src/adapters/deployer/deployer.ts'
import { type Answer, Inference } from '../../../src/adapters/deployer/onnx/infer.ts'
import type { InferRequest } from '../../../src/adapters/deployer/onnx/infer-request.ts'
import { loadModel, type Model } from '../../../src/adapters/deployer/onnx/model.ts'
import type { Batching, Timeouts } from '../../../src/core/endpoint.ts'
import type { Instance } from '../../../src/ports/backend.ts'
import { identityModel, onnxModel, perceptronModel } from '../../fixtures/onnx-model.ts'
import { send as ask } from '../../support/send.ts'
import { json, request } from './requests.ts'
import {
  closing,
  collectReports,
  type Finished,
  fastClock,
  pick,
  silentLogger,
  temporaryFile,
  version,
} from './support.ts'

const digits = resolve(import.meta.dirname, '../../../examples/digits/models/v2.onnx')

async function loaded(path: string, finished: Finished = onTestFinished): Promise<Model> {
  const model = await loadModel(path)
  finished(() => model.release())
  return model
}

async function inferenceOf(path: string, finished?: Finished): Promise<Inference> {
  return new Inference(await loaded(path, finished), { modelName: 'digits', modelVersion: 'v1' })
}

function readable(inference: Inference, document: unknown): InferRequest {
  const read = inference.read(Buffer.from(JSON.stringify(document)), { encoding: '', jsonBytes: null })
  if ('status' in read) throw new Error(Buffer.concat(read.parts).toString())
  return read
}

const bodyOf = (answer: Answer | undefined) => JSON.parse(Buffer.concat(answer?.parts ?? []).toString())

type Outputs = { id?: string; outputs: { name: string; shape: number[]; data: number[] }[] }

/** Sums of floats depend on how a run is cut: rows are the same up to that, and labels exactly. */
function expectSame(together: Outputs, alone: Outputs): void {
  expect(together.id).toBe(alone.id)
  expect(together.outputs.map(({ name, shape }) => [name, shape])).toEqual(
    alone.outputs.map(({ name, shape }) => [name, shape]),
  )
  for (const [at, { name, data }] of together.outputs.entries()) {
    const expected = alone.outputs[at]?.data ?? []
    if (name === 'label') expect(data).toEqual(expected)
    else for (const [place, value] of data.entries()) expect(value).toBeCloseTo(expected[place] ?? Number.NaN, 5)
  }
}

describe('requests that are run together', () => {
  const pixels = fc.array(fc.integer({ min: 0, max: 16 }), { minLength: 64, maxLength: 64 })
  const asked = fc.record({
    rows: fc.array(pixels, { minLength: 1, maxLength: 4 }),
    outputs: fc.constantFrom([], ['label'], ['probabilities'], ['probabilities', 'label']),
  })

  test('are answered as each of them alone', async () => {
    const inference = await inferenceOf(digits)
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { minLength: 2, maxLength: 6 }), async batch => {
        const requests = batch.map(({ rows, outputs }, at) => {
          const input = { name: 'image', datatype: 'FP32', shape: [rows.length, 64], data: rows.flat() }
          return readable(inference, { id: `${at}`, inputs: [input], outputs: outputs.map(name => ({ name })) })
        })
        expect(new Set(requests.map(one => inference.batchable(one).key)).size).toBe(1)
        const together = await inference.answerTogether(requests)
        for (const [at, one] of requests.entries())
          expectSame(bodyOf(together[at]), bodyOf(await inference.answer(one)))
      }),
      { numRuns: 30 },
    )
  })

  test('of several inputs of every datatype, in whatever order these are named', async () => {
    const inputs = [
      { name: 'number', datatype: 'INT64', shape: ['N', 2] },
      { name: 'text', datatype: 'BYTES', shape: ['N'] },
    ] as const
    const path = temporaryFile(
      'm.onnx',
      onnxModel({
        nodes: inputs.map(({ name }) => ({ op: 'Identity', inputs: [name], outputs: [`${name} out`] })),
        inputs,
        outputs: inputs.map(({ name, ...rest }) => ({ name: `${name} out`, ...rest })),
      }),
    )
    const inference = await inferenceOf(path)
    const number = (data: unknown[]) => ({ name: 'number', datatype: 'INT64', shape: [data.length / 2, 2], data })
    const text = (data: string[]) => ({ name: 'text', datatype: 'BYTES', shape: [data.length], data })
    const requests = [
      readable(inference, { inputs: [number([1, 2]), text(['a'])] }),
      readable(inference, { inputs: [text(['b', 'c']), number([3, 4, 5, 6])] }),
    ]
    const [first, second] = (await inference.answerTogether(requests)).map(bodyOf)
    expect([first.outputs[0].data, first.outputs[1].data]).toEqual([[1, 2], ['a']])
    expect([second.outputs[0].data, second.outputs[1].data]).toEqual([
      [3, 4, 5, 6],
      ['b', 'c'],
    ])
  })

  test('are run one by one if together they fail, so that one fails alone', async () => {
    const path = temporaryFile(
      'm.onnx',
      onnxModel({
        nodes: [{ op: 'Gather', inputs: ['table', 'x'], outputs: ['y'] }],
        constants: [{ name: 'table', shape: [2], values: new Float32Array([10, 20]) }],
        inputs: [{ name: 'x', datatype: 'INT64', shape: ['N'] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: ['N'] }],
      }),
    )
    const inference = await inferenceOf(path)
    const requests = [1, 7, 0].map(at =>
      readable(inference, { inputs: [{ name: 'x', datatype: 'INT64', shape: [1], data: [at] }] }),
    )
    const answers = await inference.answerTogether(requests)
    expect(answers.map(({ status }) => status)).toEqual([200, 500, 200])
    expect([bodyOf(answers[0]).outputs[0].data, bodyOf(answers[2]).outputs[0].data]).toEqual([[20], [10]])
    expect(bodyOf(answers[1]).error).toMatch(/^the model failed: .*out of/)
  })

  test('are run one by one if the model does not answer by row', async () => {
    const path = temporaryFile(
      'm.onnx',
      onnxModel({
        nodes: [{ op: 'ArgMax', inputs: ['x'], outputs: ['y'] }],
        inputs: [{ name: 'x', datatype: 'FP32', shape: ['N', 2] }],
        outputs: [{ name: 'y', datatype: 'INT64', shape: ['M', 2] }],
      }),
    )
    const inference = await inferenceOf(path)
    const requests = [1, 2].map(value =>
      readable(inference, { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [value, value] }] }),
    )
    const answers = await inference.answerTogether(requests)
    expect(answers.map(answer => bodyOf(answer).outputs[0].data)).toEqual([
      [0, 0],
      [0, 0],
    ])
  })
})

/** Gives each element the sum of all in its run: with ones, how many were run together. */
const summing = (shape: (number | string)[]) =>
  onnxModel({
    nodes: [
      { op: 'ReduceSum', inputs: ['x'], outputs: ['sum'] },
      { op: 'Sub', inputs: ['x', 'x'], outputs: ['zero'] },
      { op: 'Add', inputs: ['zero', 'sum'], outputs: ['y'] },
    ],
    inputs: [{ name: 'x', datatype: 'FP32', shape }],
    outputs: [{ name: 'y', datatype: 'FP32', shape }],
  })
const counting = summing(['N', 1])

async function serve(batch: Batching, finished?: Finished, model = counting): Promise<Instance> {
  const reports = collectReports()
  const deployer = closing(
    createDeployer({ clock: fastClock(20), logger: silentLogger, report: reports.report }),
    finished,
  )
  const path = temporaryFile('model.onnx', model, finished)
  deployer.ensure({
    endpoint: 'digits',
    version: version('v1', { kind: 'onnx', path, batch }),
    readyTimeoutMs: 600_000,
  })
  await reports.next('ready')
  return pick(deployer, 'v1')
}

function ones(rows: number, datatype = 'FP32', length = 1): Buffer {
  const input = { name: 'x', datatype, shape: [rows, length], data: Array(rows * length).fill(1) }
  return Buffer.from(JSON.stringify({ inputs: [input] }))
}

const send = (instance: Instance, body: Buffer, parts: { signal?: AbortSignal; timeouts?: Timeouts } = {}) =>
  ask(instance, request({ path: '/v2/models/digits/infer', body, ...parts }))

/** How many rows were in the run of this request; 0 for an error. */
async function rowsWith(sent: ReturnType<typeof send>): Promise<number> {
  const answer = await sent
  return answer.status === 200 ? (((await json(answer)) as Outputs).outputs[0]?.data[0] ?? Number.NaN) : 0
}

describe('an ONNX instance with max-batch', () => {
  let instance: Instance

  beforeAll(async () => {
    instance = await serve({ rowsMax: 4, waitMs: 0 }, afterAll)
  })

  test('runs a lone request at once', async () => {
    expect(await rowsWith(send(instance, ones(1)))).toBe(1)
  })

  test('runs together what queued, up to so many rows', async () => {
    const sent = Array.from({ length: 10 }, () => rowsWith(send(instance, ones(1))))
    expect(await Promise.all(sent)).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 2, 2])
  })

  test('counts rows, and runs a request of more rows alone', async () => {
    const sent = [3, 2, 9, 1].map(rows => rowsWith(send(instance, ones(rows))))
    expect(await Promise.all(sent)).toEqual([3, 2, 9, 1])
  })

  test('answers a request that does not fit alone', async () => {
    const bodies = [ones(1), ones(1, 'FP64'), ones(1)]
    expect(await Promise.all(bodies.map(body => rowsWith(send(instance, body))))).toEqual([2, 0, 2])
  })

  test('runs together only what has the same sizes behind the first', async () => {
    const sequences = await serve({ rowsMax: 4, waitMs: 0 }, onTestFinished, summing(['N', 'length']))
    const sent = [2, 3, 2, 3, 2].map(length => rowsWith(send(sequences, ones(1, 'FP32', length))))
    expect(await Promise.all(sent)).toEqual([3 * 2, 2 * 3, 3 * 2, 2 * 3, 3 * 2])
  })

  test('with max-wait waits for others until there are enough', async () => {
    const patient = await serve({ rowsMax: 3, waitMs: 60_000 })
    const first = [rowsWith(send(patient, ones(1))), rowsWith(send(patient, ones(1)))]
    await new Promise(done => setTimeout(done, 20))
    expect(patient.inFlight).toBe(2)
    expect(await Promise.all([...first, rowsWith(send(patient, ones(1)))])).toEqual([3, 3, 3])
  })

  test('with max-wait waits no longer than that', async () => {
    const patient = await serve({ rowsMax: 1_000, waitMs: 5 })
    expect(await Promise.all([rowsWith(send(patient, ones(1))), rowsWith(send(patient, ones(1)))])).toEqual([2, 2])
  })

  test('with max-wait waits no longer than a caller can', async () => {
    const patient = await serve({ rowsMax: 3, waitMs: 60_000 })
    const timeouts = { connectMs: 400, firstByteMs: 400, idleMs: 400 }
    const hurried = [rowsWith(send(patient, ones(1))), rowsWith(send(patient, ones(1), { timeouts }))]
    expect(await Promise.all(hurried)).toEqual([2, 2])
  })

  test('drops a request that is given up while it is held', async () => {
    const patient = await serve({ rowsMax: 3, waitMs: 60_000 })
    const caller = new AbortController()
    const lost = send(patient, ones(1), { signal: caller.signal })
    await new Promise(done => setTimeout(done, 20))
    caller.abort()
    await expect(lost).rejects.toMatchObject({ code: 'client-closed' })
    expect(
      await Promise.all(
        [1, 2].map(rows => rowsWith(send(patient, ones(rows)))).concat(rowsWith(send(patient, ones(1)))),
      ),
    ).toEqual([3, 3, 1])
  })
})

describe('a model whose requests cannot be run together is refused', () => {
  const check = (model: Uint8Array) => {
    const deployer = closing(createDeployer({ clock: fastClock(20), logger: silentLogger, report() {} }))
    const backend = { kind: 'onnx', path: temporaryFile('m.onnx', model), batch: { rowsMax: 32, waitMs: 0 } } as const
    return deployer.check(version('v1', backend))
  }

  test.each([
    [
      'a fixed number of rows',
      identityModel('FP32', [4]),
      /its input "x" has shape \[4\]; export the model with a dynamic/,
    ],
    [
      'a fixed number of rows coming out',
      onnxModel({
        nodes: [{ op: 'ReduceSum', inputs: ['x'], outputs: ['y'] }],
        inputs: [{ name: 'x', datatype: 'FP32', shape: ['N'] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
      }),
      /its output "y" has shape \[1\]/,
    ],
    ['no rows', identityModel('FP32', []), /its input "x" has shape \[\]/],
  ])('%s', async (_, model, message) => {
    await expect(check(model)).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(message),
      problems: [{ path: 'onnx.max-batch', value: 32 }],
    })
  })

  test('and one of which they can is not', async () => {
    expect(await check(perceptronModel(4, 1))).toMatchObject({ inputs: [{ name: 'image' }] })
  })
})
