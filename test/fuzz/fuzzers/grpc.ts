import { messagesIn, type RawEnd } from '../../support/grpc-raw.ts'
import type { Fuzzer } from '../fuzzer.ts'
import { drawSent, type Sent, sentOf } from '../grpc-bytes.ts'
import { decodeAnswer, decodeRequest, decodeStreamed, foreignIn, isMisread, isSound } from '../grpc-reference.ts'
import { createGrpcWorld, type GrpcWorld } from '../grpc-world.ts'

let world: Promise<GrpcWorld> | null = null
let turn = 0

const codes = { ok: 0, invalid: 3, notFound: 5, exhausted: 8 } as const

/**
 * A call over gRPC that gets no end, another one's answer, an answer to what is none, none to what is sound, or a status that does not
 * fit; and a server that is not as it was afterwards.
 */
export const grpc: Fuzzer = {
  name: 'grpc',
  make: drawSent,
  check: async input => {
    world ??= createGrpcWorld()
    const { send, ask, leftover } = await world
    const sent = sentOf(input)
    const end = await send(sent)
    if (end === null) return 'the call does not end'
    const fault = isMisread(sent.message) ? null : faultOf(sent, end)
    return fault ?? (await leftover()) ?? (await goodCallFault(ask))
  },
  close: async () => (await world)?.close(),
}

/** As callers should, and other than by the message itself there is nothing to find fault with. */
function isProper({ framing, ending, head }: Sent): boolean {
  return framing === 'proper' && !['reset', 'open'].includes(ending) && Object.keys(head).length === 0
}

function faultOf(sent: Sent, end: RawEnd): string | null {
  if (sent.path.endsWith('/ModelInfer')) return isProper(sent) ? inferFault(sent.message, end) : oddFault(sent, end)
  if (sent.path.endsWith('/ModelStreamInfer') && isProper(sent)) return streamFault(sent.message, end)
  return null
}

function inferFault(message: Buffer, end: RawEnd): string | null {
  const request = decodeRequest(message)
  const told = `${end.code} ${end.details}`
  if (end.code === codes.ok) return answerFault(request, end.body)
  if (end.code === null) return `there is no status; reset by ${end.resetCode}`
  if (request !== null && isSound(request)) return `a sound request is told ${told}`
  const isMeant = [codes.invalid, codes.notFound, codes.exhausted].some(code => code === end.code)
  return isMeant ? null : `a request that is not sound is told ${told}`
}

function answerFault(request: ReturnType<typeof decodeRequest>, body: Buffer): string | null {
  const [answer, ...more] = messagesIn(body) ?? []
  if (answer === undefined || more.length > 0) return 'a success without just one message'
  if (request === null) return 'an answer to what is no message'
  return foreignIn(request, decodeAnswer(answer))
}

/** However it is framed, an answer belongs to what was asked. */
function oddFault({ message }: Sent, end: RawEnd): string | null {
  if (end.code !== codes.ok) return null
  const request = decodeRequest(message)
  const answer = messagesIn(end.body)?.[0]
  if (answer === undefined) return 'a success without a message'
  return decodeAnswer(answer).id === (request?.id ?? '') || request === null ? null : 'the answer has another id'
}

function streamFault(message: Buffer, end: RawEnd): string | null {
  if (end.code !== codes.ok) return `a stream is told ${end.code} ${end.details}`
  const [answer, ...more] = messagesIn(end.body) ?? []
  if (answer === undefined || more.length > 0) return 'not one answer to one message'
  const { error_message: error, infer_response: response } = decodeStreamed(answer)
  const request = decodeRequest(message)
  if (error !== '') return request !== null && isSound(request) ? `a sound request is told ${error}` : null
  return request === null || response === null ? 'an answer to what is no message' : foreignIn(request, response)
}

async function goodCallFault(ask: GrpcWorld['ask']): Promise<string | null> {
  turn += 1
  const id = `good-${turn}`
  const inputs = [{ name: 'x', datatype: 'INT64', shape: [1], contents: { int64_contents: [String(turn)] } }]
  try {
    const answer = await ask({ model_name: 'digits', id, inputs })
    const told = answer.outputs[0]?.contents?.['int64_contents']?.[0]
    return answer.id === id && told === String(turn)
      ? null
      : `the next good call is answered with ${answer.id}, ${told}`
  } catch (thrown) {
    return `the next good call fails: ${thrown}`
  }
}
