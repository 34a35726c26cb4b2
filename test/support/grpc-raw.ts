/** gRPC by hand, on HTTP/2: what is sent need be neither messages nor whole. */
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'

export const inferPath = '/inference.GRPCInferenceService/ModelInfer'

export type RawEnd = {
  /** Of HTTP; 0 where no head came. */
  status: number
  /** grpc-status; null where none came. */
  code: number | null
  details: string
  /** With their five bytes in front. */
  body: Buffer
  /** By which the stream was reset; 0 for not at all. */
  resetCode: number
}

export async function openSession(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  await once(session, 'connect')
  return session
}

export type RawCall = {
  stream: ClientHttp2Stream
  /** Resolves when the stream is over. */
  ended: Promise<RawEnd>
}

export function rawCall(session: ClientHttp2Session, path: string, fields: OutgoingHttpHeaders = {}): RawCall {
  const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
  const stream = session.request({ ...head, ...fields }, { endStream: false, waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({}))
  const end: RawEnd = { status: 0, code: null, details: '', body: Buffer.alloc(0), resetCode: 0 }
  const chunks: Buffer[] = []
  const hear = (headers: Record<string, unknown>) => {
    if (headers[':status'] !== undefined) end.status = Number(headers[':status'])
    if (headers['grpc-status'] !== undefined) end.code = Number(headers['grpc-status'])
    if (headers['grpc-message'] !== undefined) end.details = decodeURI(String(headers['grpc-message']))
  }
  stream.on('response', hear).on('trailers', hear)
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('error', () => {})
  const ended = new Promise<RawEnd>(resolve => {
    stream.on('close', () => resolve({ ...end, body: Buffer.concat(chunks), resetCode: stream.rstCode ?? 0 }))
  })
  return { stream, ended }
}

export function framed(message: Uint8Array, { flag = 0, length = message.length } = {}): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, message])
}

/** Messages without what is in front of them; null where that is not as it should be. */
export function messagesIn(body: Buffer): Buffer[] | null {
  const messages: Buffer[] = []
  let at = 0
  while (at + 5 <= body.length) {
    const end = at + 5 + body.readUInt32BE(at + 1)
    if (end > body.length) return null
    messages.push(body.subarray(at + 5, end))
    at = end
  }
  return at === body.length ? messages : null
}
