/**
 * The part of MLflow's REST API 2.0 that a registry needs, as MLflow 3 answers it: an alias that was never set is an invalid
 * parameter (400), a model or version that is not there does not exist (404).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type FakeVersion = { source: string; status?: string; tags?: Record<string, string> }

export interface FakeMlflow {
  readonly url: string
  /** By model, by version. */
  readonly models: Map<string, Map<string, FakeVersion>>
  /** By model, by alias. */
  readonly aliases: Map<string, Map<string, string>>
  /** What the server itself hands out, by path. */
  readonly artifacts: Map<string, string>
  /** Of these, what is listed and cannot be had. */
  readonly lost: Set<string>
  /** `METHOD path` of every request. */
  readonly requests: string[]
  /** Who does not bring it is answered 401; null lets everybody in. */
  token: string | null
  /** Every request is answered with this status; null lets them pass. */
  broken: number | null
  close(): Promise<void>
}

class Refused extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const files = '/api/2.0/mlflow-artifacts/artifacts'

export async function startFakeMlflow(): Promise<FakeMlflow> {
  const server = createServer((request, response) => void answer(fake, request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const fake: FakeMlflow = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    models: new Map(),
    aliases: new Map(),
    artifacts: new Map(),
    lost: new Set(),
    requests: [],
    token: null,
    broken: null,
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
  return fake
}

async function answer(fake: FakeMlflow, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', fake.url)
  fake.requests.push(`${request.method} ${url.pathname}`)
  try {
    if (fake.broken !== null) throw new Refused(fake.broken, 'INTERNAL_ERROR', 'the store is down')
    if (fake.token !== null && request.headers.authorization !== `Bearer ${fake.token}`)
      throw new Refused(401, 'UNAUTHENTICATED', 'who are you')
    const file = url.pathname.startsWith(`${files}/`) ? decodeURIComponent(url.pathname.slice(files.length + 1)) : null
    if (file !== null) sendFile(fake, file, response)
    else sendJson(response, 200, handle(fake, request.method ?? '', url, await bodyOf(request)))
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    sendJson(response, error.status, { error_code: error.code, message: error.message })
  }
}

type Body = Readonly<Record<string, string>>

function handle(fake: FakeMlflow, method: string, url: URL, body: Body): unknown {
  const asked = (key: string): string => url.searchParams.get(key) ?? body[key] ?? ''
  const path = url.pathname.replace('/api/2.0/mlflow/', '')
  const model = (): Map<string, FakeVersion> => {
    const found = fake.models.get(asked('name'))
    if (found === undefined) throw gone(`Registered Model with name=${asked('name')} not found`)
    return found
  }
  const version = (number: string): FakeVersion => {
    const found = model().get(number)
    if (found === undefined) throw gone(`Model Version (name=${asked('name')}, version=${number}) not found`)
    return found
  }
  const aliases = (): Map<string, string> => {
    model()
    const found = fake.aliases.get(asked('name')) ?? new Map<string, string>()
    fake.aliases.set(asked('name'), found)
    return found
  }
  switch (`${method} ${path}`) {
    case 'GET registered-models/alias': {
      const number = aliases().get(asked('alias'))
      if (number === undefined)
        throw new Refused(400, 'INVALID_PARAMETER_VALUE', `Registered model alias ${asked('alias')} not found.`)
      return { model_version: versionJson(asked('name'), number, version(number)) }
    }
    case 'POST registered-models/alias':
      version(asked('version'))
      aliases().set(asked('alias'), asked('version'))
      return {}
    case 'DELETE registered-models/alias':
      aliases().delete(asked('alias'))
      return {}
    case 'GET model-versions/get-download-uri':
      return { artifact_uri: version(asked('version')).source }
    case 'POST model-versions/set-tag': {
      const found = version(asked('version'))
      found.tags = { ...found.tags, [asked('key')]: asked('value') }
      return {}
    }
    case `GET ${files}`:
      return { files: listed(fake, asked('path')) }
    default:
      throw new Refused(404, 'ENDPOINT_NOT_FOUND', path)
  }
}

function versionJson(name: string, version: string, { source, status = 'READY', tags = {} }: FakeVersion): unknown {
  return { name, version, source, status, tags: Object.entries(tags).map(([key, value]) => ({ key, value })) }
}

/** Names of what is directly inside, as MLflow lists them. */
function listed({ artifacts }: FakeMlflow, path: string): unknown[] {
  const inside = [...artifacts.keys()].filter(key => key.startsWith(`${path}/`)).map(key => key.slice(path.length + 1))
  const names = [...new Set(inside.map(key => key.split('/')[0] ?? ''))]
  return names.map(name => ({ path: name, is_dir: !artifacts.has(`${path}/${name}`) }))
}

function gone(message: string): Refused {
  return new Refused(404, 'RESOURCE_DOES_NOT_EXIST', message)
}

function sendFile({ artifacts, lost }: FakeMlflow, path: string, response: ServerResponse): void {
  const text = lost.has(path) ? undefined : artifacts.get(path)
  if (text === undefined) throw gone(`No such artifact: '${path}'`)
  response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(text)
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text === '' ? {} : (JSON.parse(text) as Body)
}
