/** An Open Inference Protocol request in JSON, checked and answered by a loaded model. Pure but for the model's own run. */
import { field, type RuntimeTensor, readTensor, TensorFault, type TensorInfo, writeTensor } from './tensors.ts'

export type Model = {
  endpoint: string
  version: string
  inputs: readonly TensorInfo[]
  outputs: readonly TensorInfo[]
  run: (
    feeds: Readonly<Record<string, RuntimeTensor>>,
    outputs: readonly string[],
  ) => Promise<Readonly<Record<string, RuntimeTensor>>>
}

export type InferAnswer = { status: number; body: string }

/** 200 with the outputs; 400 with the fault for a request that does not fit; 500 if the model itself fails. */
export async function infer(model: Model, body: Uint8Array): Promise<InferAnswer> {
  let request: ReturnType<typeof readRequest>
  try {
    request = readRequest(model, body)
  } catch (error) {
    if (error instanceof TensorFault) return { status: 400, body: JSON.stringify({ error: error.message }) }
    throw error
  }
  try {
    const results = await model.run(request.feeds, request.outputs)
    return { status: 200, body: writeAnswer(model, request, results) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return {
      status: 500,
      body: JSON.stringify({ error: `model ${model.endpoint} version ${model.version} failed: ${message}` }),
    }
  }
}

type Request = { id: string | null; feeds: Record<string, RuntimeTensor>; outputs: readonly string[] }

function readRequest(model: Model, body: Uint8Array): Request {
  const document = parse(body)
  const id = field(document, 'id')
  if (id !== undefined && typeof id !== 'string') throw new TensorFault('`id` must be a string')
  return {
    id: id ?? null,
    feeds: readInputs(model, field(document, 'inputs')),
    outputs: readOutputs(model, field(document, 'outputs')),
  }
}

function parse(body: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    // Whole numbers beyond 2^53 stay exact; looking for them first keeps the common case fast.
    return /\d{16}/.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text)
  } catch (error) {
    throw new TensorFault(`the body is not JSON: ${error instanceof Error ? error.message : error}`)
  }
}

function keepExact(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined) return value
  return /^-?\d+$/.test(source) && !Number.isSafeInteger(value) ? BigInt(source) : value
}

function readInputs(model: Model, inputs: unknown): Record<string, RuntimeTensor> {
  const known = model.inputs.map(one => one.name)
  if (!Array.isArray(inputs))
    throw new TensorFault(`\`inputs\` must be an array of tensors; the model has ${list(known)}`)
  const feeds: Record<string, RuntimeTensor> = {}
  for (const input of inputs) {
    const name = field(input, 'name')
    const expected = model.inputs.find(one => one.name === name)
    if (expected === undefined)
      throw new TensorFault(
        `input ${JSON.stringify(name) ?? 'without a name'} is unknown; the model has ${list(known)}`,
      )
    if (feeds[expected.name] !== undefined) throw new TensorFault(`input \`${expected.name}\` is given twice`)
    feeds[expected.name] = readTensor(input, expected)
  }
  const missing = known.filter(name => feeds[name] === undefined)
  if (missing.length > 0) throw new TensorFault(`input ${list(missing)} is missing`)
  return feeds
}

function readOutputs(model: Model, outputs: unknown): readonly string[] {
  const known = model.outputs.map(one => one.name)
  if (outputs === undefined || (Array.isArray(outputs) && outputs.length === 0)) return known
  if (!Array.isArray(outputs)) throw new TensorFault('`outputs` must be an array')
  return outputs.map(output => {
    const name = field(output, 'name')
    if (typeof name === 'string' && known.includes(name)) return name
    throw new TensorFault(`output ${JSON.stringify(name) ?? 'without a name'} is unknown; the model has ${list(known)}`)
  })
}

function writeAnswer(model: Model, request: Request, results: Readonly<Record<string, RuntimeTensor>>): string {
  const head = {
    model_name: model.endpoint,
    model_version: model.version,
    ...(request.id !== null && { id: request.id }),
  }
  const tensors = request.outputs.map(name => {
    const tensor = results[name]
    if (tensor === undefined) throw new Error(`the model gave no output ${name}`)
    return writeTensor(name, tensor)
  })
  return `${JSON.stringify(head).slice(0, -1)},"outputs":[${tensors.join(',')}]}`
}

function list(names: readonly string[]): string {
  return names.map(name => `\`${name}\``).join(', ')
}
