/** A server that the file gives a gRPC port: what is called there is a prediction like any other. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { grpcCaller, inferRequest } from '../support/grpc-caller.ts'
import { openWorkplace, root, type Workplace } from './process.ts'

let place: Workplace
let port: number

beforeAll(async () => {
  place = await openWorkplace()
  port = await freePort()
  const file = place.write(
    'cutover.yaml',
    [
      'kind: Server',
      `grpc: { port: ${port} }`,
      '---',
      'kind: Endpoint',
      'name: digits',
      'stable: v1',
      `versions: { v1: { onnx: ${join(root, 'examples/digits/models/v1.onnx')} } }`,
      'prediction: { output: label }',
      'metrics: { accuracy: { type: accuracy } }',
    ].join('\n'),
  )
  await place.serve(['-c', file])
})

afterAll(() => place.close())

test('a call is answered, and its label is joined', async () => {
  const caller = grpcCaller(port)
  const image = { name: 'image', datatype: 'FP32', shape: [1, 64], contents: { fp32_contents: Array(64).fill(3) } }
  const { message, head } = await caller.call('ModelInfer', inferRequest([image]))
  expect(message).toMatchObject({ model_name: 'digits', model_version: 'v1' })
  const id = String(head['x-cutover-prediction-id'])
  const told = await place.cutover(['feedback', '--prediction', id, '--label', '3', '-o', 'json'])
  expect([told.code, told.stderr]).toEqual([0, ''])
  const { code, stdout } = await place.cutover(['get', 'predictions', '-o', 'json'])
  expect(code).toBe(0)
  expect(stdout).toContain(id)
  caller.close()
})
