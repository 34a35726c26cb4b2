/** A gRPC call as a request of the REST protocol: what the rest of the gateway routes, records, copies and refuses. */
import { isOwnField } from '../../core/http-fields.ts'
import { deadlineHeader } from '../deadline.ts'
import type { BodyKind, BodyReader, Inbound } from '../inbound.ts'
import type { InferBody } from './infer-body.ts'

/** What is used of a call of grpc-js. */
export type CallHead = {
  readonly metadata: { toHttp2Headers(): Readonly<Record<string, unknown>> }
  getPeer(): string
  getDeadline(): Date | number
}

export type Asked = {
  method: 'GET' | 'POST'
  path: string
  /** Makes the body once the request is let in; null for none. */
  body: ((bytesMax: number) => Promise<InferBody>) | null
}

export class GrpcInbound implements Inbound {
  readonly httpVersion = '2'
  readonly mayHaveOwnFields = true
  readonly mayHaveTrace = true
  readonly bodyInHand = null
  readonly isVetted = false
  readonly method: string
  readonly target: string
  readonly remoteAddress: string
  readonly #fields: ReadonlyMap<string, string>
  readonly #makeBody: Asked['body']
  #body: InferBody | null = null

  constructor(call: CallHead, { method, path, body }: Asked) {
    this.method = method
    this.target = path
    this.remoteAddress = addressOf(call.getPeer())
    this.#makeBody = body
    this.#fields = fieldsOf(call)
  }

  get passedOn(): string {
    let lines = ''
    for (const [name, value] of this.#fields) {
      if (!isOwnField(name) && name !== deadlineHeader) lines += `${name}: ${value}\r\n`
    }
    for (const [name, value] of Object.entries(this.#bodyFields())) lines += `${name}: ${value}\r\n`
    return lines
  }

  field(lowerName: string): string | undefined {
    return this.#fields.get(lowerName) ?? this.#bodyFields()[lowerName]
  }

  /** Known once it has been made. */
  get statedBytes(): number | null {
    return this.#body?.body.length ?? null
  }

  get bodyKind(): BodyKind {
    return this.#makeBody === null ? 'none' : 'short'
  }

  async wholeBody(bytesMax: number): Promise<Buffer> {
    this.#body = (await this.#makeBody?.(bytesMax)) ?? { body: Buffer.alloc(0), jsonBytes: null }
    return this.#body.body
  }

  readBody(reader: BodyReader, bytesMax: number): void {
    this.wholeBody(bytesMax).then(body => {
      if (body.length > 0) reader.onBodyChunk(body)
      reader.onBodyEnd()
    }, reader.onBodyFail.bind(reader))
  }

  pauseBody(): void {}

  resumeBody(): void {}

  #bodyFields(): Readonly<Record<string, string>> {
    if (this.#body === null) return {}
    const { jsonBytes } = this.#body
    if (jsonBytes === null) return { 'content-type': 'application/json' }
    return { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(jsonBytes) }
  }
}

/** What belongs to the call or to its connection, or says how a body of ours is to be read. */
const ofTheCall: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'upgrade'],
  ...['te', 'trailer', 'transfer-encoding', 'expect', 'content-length', 'content-type', 'content-encoding'],
  ...['accept', 'accept-encoding', 'inference-header-content-length'],
])

/** Metadata as fields. Keys `…-bin` hold bytes, which no field can; those of gRPC itself end here. */
function fieldsOf(call: CallHead): Map<string, string> {
  const fields = new Map<string, string>()
  for (const [key, value] of Object.entries(call.metadata.toHttp2Headers())) {
    const name = key.toLowerCase()
    const isOurs = name.startsWith(':') || name.startsWith('grpc-') || name.endsWith('-bin') || ofTheCall.has(name)
    if (isOurs || !/^[!#$%&'*+.^`|~\w-]+$/.test(name)) continue
    const text = Array.isArray(value) ? value.map(String).join(', ') : String(value)
    if (!/[\r\n\0]/.test(text)) fields.set(name, text)
  }
  const leftMs = Math.ceil(Number(call.getDeadline()) - Date.now())
  if (leftMs <= longestMs) fields.set(deadlineHeader, String(Math.max(1, leftMs)))
  return fields
}

/** A deadline that is further away is none: no call takes so long. */
const longestMs = 24 * 3_600_000

/** Without the port. */
function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
}
