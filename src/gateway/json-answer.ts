/** Small JSON answers of the gateway's own. */
import { methodNotAllowed } from './errors.ts'
import type { Inbound, Outbound } from './inbound.ts'

export function sendJson(outbound: Outbound, status: number, value: unknown, lines = ''): void {
  outbound.answer(status, `content-type: application/json\r\n${lines}`, Buffer.from(JSON.stringify(value)), false)
}

/** Throws method-not-allowed; HEAD is allowed wherever GET is. */
export function assertMethod(inbound: Inbound, path: string, method: 'GET' | 'POST'): void {
  if (inbound.method === method || (method === 'GET' && inbound.method === 'HEAD')) return
  throw methodNotAllowed(inbound.method, path, method === 'GET' ? ['GET', 'HEAD'] : ['POST'])
}
