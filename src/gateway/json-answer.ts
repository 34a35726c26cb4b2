/** Small JSON answers of the gateway's own. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { methodNotAllowed } from './errors.ts'

export function sendJson(res: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  res.writeHead(status, ['content-type', 'application/json', 'content-length', String(body.length)])
  res.end(body)
}

/** Throws method-not-allowed; HEAD is allowed wherever GET is. */
export function assertMethod(req: IncomingMessage, path: string, method: 'GET' | 'POST'): void {
  if (req.method === method || (method === 'GET' && req.method === 'HEAD')) return
  throw methodNotAllowed(req.method ?? '', path, method === 'GET' ? ['GET', 'HEAD'] : ['POST'])
}
