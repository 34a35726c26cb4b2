/** Model servers in OpenAI's style, as small as can be, and a gateway in front of them. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { systemClock } from '../../src/adapters/clock/system.ts'
import type { FleetInstance, Replica } from '../../src/adapters/deployer/replica.ts'
import { createUrlDriver } from '../../src/adapters/deployer/url/url-driver.ts'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { moveTable, soleTable, type TrafficTable, type Weights } from '../../src/core/traffic.ts'
import type { GatewayOptions } from '../../src/gateway/gateway.ts'
import { fleetsOf, type Rig, startRig } from './gateway-rig.ts'

export type Met = {
  method: string
  path: string
  headers: IncomingMessage['headers']
  text: string
  /** The caller's connection is gone before the answer was complete. */
  left: Promise<void>
}

export type Provider = { url: string; met: Met[]; close(): Promise<void> }

type Answer = (met: Met, res: ServerResponse) => void | Promise<void>

/** Every request but for those of the health check is met, and answered by the test. */
export async function startProvider(answer: Answer): Promise<Provider> {
  const met: Met[] = []
  const server = createServer((req, res) => {
    if (req.method === 'GET' && req.url?.endsWith('/models') === true) {
      res.end('{}')
      return
    }
    void meet(req, res).then(one => {
      met.push(one)
      return answer(one, res)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${portOf(server)}`, met, close: () => closing(server) }
}

async function meet(req: IncomingMessage, res: ServerResponse): Promise<Met> {
  const left = new Promise<void>(resolve => {
    res.once('close', () => {
      if (!res.writableFinished) resolve()
    })
  })
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return { method: req.method ?? '', path: req.url ?? '', headers: req.headers, text, left }
}

function portOf(server: Server): number {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

async function closing(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
}

export function sendJson(res: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers })
  res.end(typeof body === 'string' ? body : JSON.stringify(body))
}

export function beginStream(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
}

export function sendEvent(res: ServerResponse, data: unknown): void {
  res.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
}

export const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }

export function chunkOf(delta: object, more: object = {}): object {
  const choices = [{ index: 0, delta, finish_reason: null }]
  return { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-x', choices, ...more }
}

/** Chats in words, in one piece or as a stream that tells its tokens only if it is asked. */
export function chatting(words: readonly string[]): Answer {
  return async (met, res) => {
    const body = JSON.parse(met.text)
    if (body.stream !== true) {
      const message = { role: 'assistant', content: words.join(''), refusal: null }
      const choices = [{ index: 0, message, finish_reason: 'stop', logprobs: null }]
      const answer = { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: body.model, choices, usage }
      sendJson(res, answer, 200, { 'x-request-id': 'req_upstream' })
      return
    }
    const isTold = body.stream_options?.include_usage === true
    beginStream(res)
    sendEvent(res, chunkOf({ role: 'assistant', content: '' }))
    for (const content of words) sendEvent(res, chunkOf({ content }, isTold ? { usage: null } : {}))
    if (isTold) sendEvent(res, { ...chunkOf({}), choices: [], usage })
    sendEvent(res, '[DONE]')
    res.end()
  }
}

export function specFrom(document: Readonly<Record<string, unknown>>): EndpointSpec {
  const compiled = compileResource(validateResource({ kind: 'Endpoint', stable: 'v1', ...document }))
  if (compiled.kind !== 'Endpoint') throw new Error('not an endpoint')
  return compiled.spec
}

export function tableOf(endpoint: string, weights: Weights = { v1: 1_000_000 }): TrafficTable {
  const sole = soleTable({ endpoint, version: 'v1', epoch: 1, salt: 'salt' })
  return weights['v1'] === 1_000_000 ? sole : moveTable(sole, { weights, stable: 'v1', release: 'r1' })
}

/** The gateway with real instances of every version of `spec`, each ready. */
export async function startBefore(
  spec: EndpointSpec,
  table: TrafficTable = tableOf(spec.name),
  options: Partial<GatewayOptions> = {},
): Promise<Rig> {
  const driver = createUrlDriver()
  const fleets = fleetsOf({})
  const replicas: Replica[] = []
  for (const version of Object.values(spec.versions)) {
    const ready = Promise.withResolvers<FleetInstance>()
    const logger = { info: () => {}, warn: () => {}, error: () => {} }
    const plan = { id: version.name, endpoint: spec.name, version, index: 0, clock: systemClock, logger }
    const events = { ready: ready.resolve, waiting: () => {}, unhealthy: () => {}, failing: () => {}, ended: () => {} }
    replicas.push(driver.start(plan, events))
    fleets.set(version.name, [await ready.promise], spec.name)
  }
  const rig = await startRig({ fleets, spec, table, options })
  return {
    ...rig,
    close: async () => {
      await rig.close()
      await Promise.all(replicas.map(replica => replica.end()))
    },
  }
}
