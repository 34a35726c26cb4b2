/** Callers of a gateway: a plain one, and one that writes bytes. */
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'

export const keepAlive = new Agent({ keepAlive: true, maxSockets: 16 })

export type Reply = {
  status: number
  headers: IncomingMessage['headers']
  rawHeaders: string[]
  raw: Buffer
  text: string
  json: () => unknown
}

export type Question = {
  method?: string
  path: string
  headers?: Readonly<Record<string, string | string[]>>
  body?: string | Uint8Array
  /** Connections of its own. */
  agent?: Agent
}

/** Rejects if the answer breaks off. */
export async function ask(port: number, question: Question): Promise<Reply> {
  const {
    method = question.body === undefined ? 'GET' : 'POST',
    path,
    headers = {},
    body,
    agent = keepAlive,
  } = question
  const req = request({ host: '127.0.0.1', port, method, path, headers, agent })
  req.end(body)
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  // A caller that is refused may find the connection closed while it still sends.
  req.on('error', () => {})
  const chunks: Buffer[] = []
  for await (const chunk of res) chunks.push(chunk as Buffer)
  const raw = Buffer.concat(chunks)
  const text = raw.toString()
  const { headers: answered, rawHeaders, statusCode = 0 } = res
  return { status: statusCode, headers: answered, rawHeaders, raw, text, json: () => JSON.parse(text) as unknown }
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  return socket
}

/** Writes bytes and reads until the server closes, or `until` matches what came. Resets count as a close. */
export async function sendRaw(port: number, bytes: string, until?: RegExp): Promise<string> {
  const socket = await dial(port)
  socket.on('error', () => {})
  socket.write(Buffer.from(bytes, 'latin1'))
  return readUntil(socket, until)
}

export function readUntil(socket: Socket, until?: RegExp): Promise<string> {
  return new Promise(resolve => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      if (until?.test(text) === true) socket.destroy()
    })
    socket.on('close', () => resolve(text))
  })
}

export const inferPath = '/v2/models/digits/infer'
