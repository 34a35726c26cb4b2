/** What Node's own HTTP server, which parses with llhttp, makes of bytes: the reference for our parser of requests. */
import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { tokensOf } from '../../src/core/http/chars.ts'

export type Understood = { method: string; target: string; fields: string[]; body: string; closes: boolean }

/** Null where llhttp refuses the first request, or waits for more of it. */
export async function understoodByLlhttp(bytes: Buffer): Promise<Understood | null> {
  const options = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, requireHostHeader: false }
  // An offer that is passed over leaves a request like any other.
  const server = createServer({ ...options, shouldUpgradeCallback: () => false })
  server.maxHeadersCount = 0
  const connection = new OneWay(bytes)
  try {
    return await new Promise(resolve => {
      server.once('request', (req, res) => {
        res.on('error', () => {})
        wholeRequest(req).then(resolve, () => resolve(null))
      })
      for (const event of ['checkContinue', 'checkExpectation', 'connect', 'clientError'])
        server.once(event, () => resolve(null))
      connection.once('exhausted', () => setImmediate(() => setImmediate(() => resolve(null))))
      server.emit('connection', connection)
    })
  } finally {
    connection.destroy()
    server.emit('close')
  }
}

async function wholeRequest(req: IncomingMessage): Promise<Understood> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return {
    method: req.method ?? '',
    target: req.url ?? '',
    fields: req.rawHeaders,
    body: Buffer.concat(chunks).toString('latin1'),
    closes: tokensOf(req.headers.connection ?? '').includes('close'),
  }
}

/** Gives its bytes once, takes whatever is written, and stays open. */
class OneWay extends Duplex {
  readonly #bytes: Buffer
  #isGiven = false

  constructor(bytes: Buffer) {
    super()
    this.#bytes = bytes
    this.on('error', () => {})
  }

  override _read(): void {
    if (this.#isGiven) {
      this.emit('exhausted')
      return
    }
    this.#isGiven = true
    this.push(this.#bytes)
  }

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done()
  }

  setTimeout(): this {
    return this
  }
}
