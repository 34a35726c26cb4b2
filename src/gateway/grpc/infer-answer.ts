/** A model server's answer over HTTP as the answer of `ModelInfer`. */
import { CutoverError } from '../../core/errors.ts'
import { fieldOf } from '../../core/http/field-lines.ts'
import { beyondBounds } from '../../core/json-bounds.ts'
import { datatypes, elementCount, type PackedTensor, packedProblem, shapeText } from './datatypes.ts'
import type { HttpAnswer } from './grpc-outbound.ts'
import type { InferResponseMessage, ParametersMessage } from './messages.ts'
import { holdsLong, parametersMessage } from './parameters.ts'
import { packElements } from './tensor-json.ts'
import { unpackContents } from './typed-contents.ts'

type Output = PackedTensor & { parameters: ParametersMessage }

/**
 * `model` and `version` are what the caller knows them by. Tensors stand in typed contents unless `isRaw`, or unless one of
 * them has no typed form, since a message has one or the other. Throws backend-failed.
 */
export function inferResponse(
  answer: HttpAnswer,
  called: { model: string; version: string; isRaw: boolean },
): InferResponseMessage {
  const split = splitAnswer(answer)
  const { document } = split
  const outputs = readOutputs(split)
  const typed = called.isRaw ? null : outputs.map(({ bytes, datatype }) => unpackContents(bytes, datatype))
  const isTyped = typed?.every(contents => contents !== null) === true
  return {
    model_name: called.model,
    model_version: called.version,
    id: typeof document['id'] === 'string' ? document['id'] : '',
    parameters: parametersMessage(document['parameters'], split.exact['parameters']),
    outputs: outputs.map(({ name, datatype, shape, parameters }, index) => {
      const described = { name, datatype: datatype.name, shape, parameters }
      const contents = isTyped ? typed[index] : null
      return contents ? { ...described, contents } : described
    }),
    raw_output_contents: isTyped ? [] : outputs.map(({ bytes }) => bytes),
  }
}

type Json = Readonly<Record<string, unknown>>

/** `exact`: the document with whole numbers that a double may not hold as texts, where it has such in a place for them. */
type Split = { document: Json; exact: Json; binary: Uint8Array }

function splitAnswer({ lines, body }: HttpAnswer): Split {
  const encoding = fieldOf(lines, 'content-encoding') ?? 'identity'
  if (encoding.trim().toLowerCase() !== 'identity') throw unusable(`in the encoding ${encoding}, not asked for`)
  const stated = fieldOf(lines, 'inference-header-content-length')
  const jsonBytes = stated === undefined ? body.length : Number(stated)
  if (!Number.isSafeInteger(jsonBytes) || jsonBytes < 0 || jsonBytes > body.length) {
    throw unusable(`with Inference-Header-Content-Length ${stated} and ${body.length} bytes`)
  }
  const json = body.subarray(0, jsonBytes)
  const beyond = beyondBounds(json)
  if (beyond !== null) throw unusable(`with JSON that ${beyond}`)
  const text = json.toString('utf8')
  const document = parse(text)
  return { document, exact: withLongs(text, document), binary: body.subarray(jsonBytes) }
}

function parse(text: string): Json {
  const document = parsed(text)
  if (!isObject(document)) throw unusable('with something that is not a JSON object')
  if (!Array.isArray(document['outputs'])) throw unusable('without "outputs"')
  return document
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const longs: ReadonlySet<unknown> = new Set(['INT64', 'UINT64'])
/** Only then a double may not hold a whole number. */
const hasLongDigits = /\d{16}/
/** A text, which is left alone, or a whole number of 16 digits and more. */
const textOrLong = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g

/**
 * The document once more, with whole numbers that a double may not hold as texts; the same one where there are none. Many
 * times faster than to look at each value while it is parsed.
 */
function withLongs(text: string, document: Json): Json {
  const mayBeLong = (document['outputs'] as unknown[]).some(
    output => isObject(output) && (longs.has(output['datatype']) || holdsLong(output['parameters'])),
  )
  if ((!mayBeLong && !holdsLong(document['parameters'])) || !hasLongDigits.test(text)) return document
  return JSON.parse(text.replace(textOrLong, token => (token.startsWith('"') ? token : `"${token}"`)))
}

function readOutputs({ document, exact, binary }: Split): Output[] {
  let at = 0
  const outputs = (document['outputs'] as unknown[]).map((output, index) => {
    if (!isObject(output)) throw unusable('with an output that is no JSON object')
    const own = (exact['outputs'] as Json[])[index] ?? output
    const size = isObject(output['parameters']) ? output['parameters']['binary_data_size'] : undefined
    if (size === undefined) {
      const isLong = longs.has(output['datatype'])
      return checked(described(output, own), dataOf(isLong ? own : output))
    }
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || at + size > binary.length) {
      throw unusable(`with binary_data_size ${String(size)} where ${binary.length - at} bytes follow`)
    }
    at += size
    return checked(described(output, own), binary.subarray(at - size, at))
  })
  if (at !== binary.length) throw unusable(`with ${binary.length - at} bytes behind its last tensor`)
  return outputs
}

type Described = Omit<Output, 'bytes'>

function described(output: Json, exact: Json): Described {
  const { name, datatype: word, shape, parameters } = output
  const datatype = typeof word === 'string' ? datatypes.get(word) : undefined
  if (typeof name !== 'string' || datatype === undefined || !isShape(shape)) {
    throw unusable('with an output that has no name, datatype or shape of the protocol')
  }
  return { name, datatype, shape, parameters: parametersMessage(parameters, exact['parameters']) }
}

function isShape(shape: unknown): shape is number[] {
  return Array.isArray(shape) && elementCount(shape as number[]) !== null
}

function dataOf(output: Json): unknown[] {
  const { data } = output
  if (!Array.isArray(data)) throw unusable(`without the data of output ${JSON.stringify(output['name'])}`)
  return Array.isArray(data[0]) ? data.flat((output['shape'] as number[]).length) : data
}

function checked(output: Described, data: unknown[] | Uint8Array): Output {
  const { name, datatype, shape } = output
  const bytes = data instanceof Uint8Array ? data : packElements(data, datatype)
  const problem =
    bytes === null
      ? `holds what is not ${datatype.name} of shape ${shapeText(shape)}`
      : packedProblem({ datatype, shape, bytes })
  if (bytes === null || problem !== null) throw unusable(`with output ${JSON.stringify(name)}, which ${problem}`)
  return { ...output, bytes }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unusable(how: string): CutoverError {
  return new CutoverError('backend-failed', `the model server answered ${how}`)
}
