/** Requests answered by a model: read, run (alone or together), written. Runs in the thread of the model. */
import { batchable, joinInputs, splitOutput } from './batch-tensors.ts'
import { ClientFault } from './client-fault.ts'
import { type BodyForm, readBody } from './infer-body.ts'
import { type InferRequest, readInferRequest } from './infer-request.ts'
import { writeInferResponse } from './infer-response.ts'
import type { Model, Outputs } from './model.ts'

/** `parts` are the body; `jsonBytes` the length of the JSON in front of binary tensors, null if there are none. */
export type Answer = { status: number; parts: readonly Uint8Array[]; jsonBytes: number | null }

export type Names = { modelName: string; modelVersion: string }

export class Inference {
  readonly #model: Model
  readonly #names: Names
  readonly #exactIntegers: boolean

  constructor(model: Model, names: Names) {
    this.#model = model
    this.#names = names
    this.#exactIntegers = model.metadata.inputs.some(({ datatype }) => datatype === 'INT64' || datatype === 'UINT64')
  }

  /** The request, or at once the answer to one that does not fit. */
  read(body: Uint8Array, form: BodyForm): InferRequest | Answer {
    try {
      return readInferRequest(readBody(body, form, this.#exactIntegers), this.#model.metadata)
    } catch (error) {
      return errorAnswer(error)
    }
  }

  /** The rows of a request, and what it fits together with. */
  batchable(request: InferRequest) {
    return batchable(request, this.#model.metadata)
  }

  async answer(request: InferRequest): Promise<Answer> {
    try {
      const names = request.outputs.map(({ name }) => name)
      return this.#write(request, await this.#model.run(request.inputs, names))
    } catch (error) {
      return errorAnswer(error)
    }
  }

  /**
   * Answers in the order of the requests, which must be of one key. If the run fails they are run again one by one, so
   * that a request which breaks the model breaks nobody else's answer.
   */
  async answerTogether(requests: readonly InferRequest[]): Promise<readonly Answer[]> {
    const outputs = await this.#runTogether(requests)
    if (outputs === null) return this.#oneByOne(requests)
    return requests.map((request, at) => {
      try {
        return this.#write(request, outputs[at] ?? new Map())
      } catch (error) {
        return errorAnswer(error)
      }
    })
  }

  async #oneByOne(requests: readonly InferRequest[]): Promise<readonly Answer[]> {
    const answers: Answer[] = []
    for (const request of requests) answers.push(await this.answer(request))
    return answers
  }

  /** The outputs of each request; null if they cannot be run together. */
  async #runTogether(requests: readonly InferRequest[]): Promise<Outputs[] | null> {
    const { metadata } = this.#model
    const wanted = new Set(requests.flatMap(({ outputs }) => outputs.map(({ name }) => name)))
    const rows = requests.map(({ inputs }) => inputs[0]?.dims[0] ?? 0)
    try {
      const whole = await this.#model.run(joinInputs(requests, metadata), [...wanted])
      const split = [...whole].map(([name, tensor]) => [name, splitOutput(tensor, rows, name)] as const)
      return requests.map((_, at) => new Map(split.map(([name, parts]) => [name, parts[at] ?? missing(name)])))
    } catch {
      return null
    }
  }

  #write({ id, outputs }: InferRequest, results: Outputs): Answer {
    const named = outputs.map(spec => ({ ...spec, tensor: results.get(spec.name) ?? missing(spec.name) }))
    const { json, tensors } = writeInferResponse({ ...this.#names, id, outputs: named })
    const head = encoder.encode(json)
    return { status: 200, parts: [head, ...(tensors ?? [])], jsonBytes: tensors === null ? null : head.byteLength }
  }
}

const encoder = new TextEncoder()

/** A request that does not fit answers 400 and is the caller's fault; anything else that fails answers 500. */
function errorAnswer(error: unknown): Answer {
  const status = error instanceof ClientFault ? error.status : 500
  const message = error instanceof Error ? error.message : String(error)
  return { status, parts: [encoder.encode(JSON.stringify({ error: message }))], jsonBytes: null }
}

function missing(name: string): never {
  throw new Error(`output "${name}" is missing in the result`)
}
