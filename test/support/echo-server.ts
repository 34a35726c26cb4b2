/** A model that gives back the tensors that it gets, in the form in which they came, digit by digit. */
import type { BackendRequest, BackendResponse } from '../../src/adapters/deployer/by-promise.ts'

/** `extensions` is what it says at `GET /v2`; null for a server that has no such page. */
export function echoing(extensions: readonly string[] | null, asked: BackendRequest[] = []) {
  return (request: BackendRequest): BackendResponse => {
    asked.push(request)
    if (request.path === '/v2') return described(extensions)
    const body = Buffer.from((request.body as Uint8Array | null) ?? [])
    return echoAnswer(body, headerOf(request, 'inference-header-content-length'))
  }
}

function described(extensions: readonly string[] | null): BackendResponse {
  if (extensions === null) return { status: 404, headers: [], body: Buffer.from('nothing here') }
  const headers = ['content-type', 'application/json']
  return { status: 200, headers, body: Buffer.from(JSON.stringify({ name: 'echo', version: '1', extensions })) }
}

/** The JSON is not parsed, so that a number of 64 bits stays what it is. */
export function echoAnswer(body: Buffer, jsonBytes: string | null): BackendResponse {
  const length = jsonBytes === null ? body.length : Number(jsonBytes)
  const json = body.subarray(0, length).toString().replace('"inputs":[', '"outputs":[')
  const type = jsonBytes === null ? 'application/json' : 'application/octet-stream'
  const stated = jsonBytes === null ? [] : ['inference-header-content-length', String(Buffer.byteLength(json))]
  const headers = ['content-type', type, ...stated]
  return { status: 200, headers, body: Buffer.concat([Buffer.from(json), body.subarray(length)]) }
}

export function headerOf({ headers }: Pick<BackendRequest, 'headers'>, lowerName: string): string | null {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === lowerName)
  return at < 0 ? null : (headers[at + 1] ?? null)
}
