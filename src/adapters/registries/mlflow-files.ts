/**
 * Where the files of a model version are: used in place where they are on this machine, fetched where the tracking server
 * hands them out itself. Other stores (s3, gs, …) need credentials of their own and are left to the version's command.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { limits } from '../../core/limits.ts'
import { isPlain, parseObject } from './answers.ts'
import { askWeb, fetchFile, placeOf } from './web.ts'

type Asked = {
  base: string
  uri: string
  token: string | null
  until: AbortSignal | undefined
  /** Keeps what `fill` fetches. */
  keep(fill: (draft: string) => Promise<void>): Promise<string>
}

export async function placeFiles({ base, uri, token, until, keep }: Asked): Promise<string> {
  const local = localPath(uri)
  if (local !== null) {
    if (existsSync(local)) return local
    throw new Error(`${local} is not on this machine`)
  }
  const path = proxiedPath(uri)
  if (path === null) throw new Error(`files at ${schemeOf(uri)} are not fetched: leave {path} out and use {uri}`)
  return keep(draft => fetchAll({ base, token, until, path, draft }))
}

/** `file:///models/7` or `/models/7`. */
function localPath(uri: string): string | null {
  if (isAbsolute(uri)) return uri
  return uri.startsWith('file:') ? fileURLToPath(uri) : null
}

const artifactsApi = '/api/2.0/mlflow-artifacts/artifacts'

/** `mlflow-artifacts:/1/…`, `mlflow-artifacts://host:port/1/…`, `http://host/api/2.0/mlflow-artifacts/artifacts/1/…`. */
function proxiedPath(uri: string): string | null {
  if (!URL.canParse(uri)) return null
  const { protocol, pathname } = new URL(uri)
  if (protocol === 'mlflow-artifacts:') return decodeURIComponent(pathname.replace(/^\/+/, ''))
  const isWeb = protocol === 'http:' || protocol === 'https:'
  const start = pathname.indexOf(`${artifactsApi}/`)
  return isWeb && start >= 0 ? decodeURIComponent(pathname.slice(start + artifactsApi.length + 1)) : null
}

function schemeOf(uri: string): string {
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(uri)?.[0] ?? uri.slice(0, limits.registryTextMax)
}

type Tree = Pick<Asked, 'base' | 'token' | 'until'> & { path: string }

type Entry = { path: string; isFolder: boolean }

async function fetchAll(from: Tree & { draft: string }): Promise<void> {
  const { base, token, until, path, draft } = from
  const folders = ['']
  let files = 0
  let bytesLeft: number = limits.registryDownloadBytesMax
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    for (const entry of await listed({ base, token, until, path: join(path, folder) })) {
      const inside = join(folder, entry.path)
      files += 1
      if (files > limits.registryDownloadFilesMax)
        throw new Error(`the version has more than ${limits.registryDownloadFilesMax} files`)
      if (entry.isFolder) {
        folders.push(inside)
        continue
      }
      const file = join(draft, inside)
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      const url = new URL(`${base}${artifactsApi}/${encoded(join(path, inside))}`)
      bytesLeft -= (await fetchFile({ url, file, bytesMax: bytesLeft, token, until })).bytes
    }
  }
  if (files === 0) throw new Error(`${base} has no files at ${path}`)
}

/** Paths of a listing are relative to what was listed; one that leads elsewhere is refused. */
async function listed({ base, token, until, path }: Tree): Promise<Entry[]> {
  const url = new URL(`${base}${artifactsApi}`)
  url.searchParams.set('path', path)
  const { status, text } = await askWeb({ url, token, until })
  if (status !== 200) throw new Error(`${placeOf(url)} answered ${status} for ${path}`)
  const { files } = parseObject(text, placeOf(url))
  return (Array.isArray(files) ? files : []).filter(isPlain).map(file => {
    const name = String(file['path'] ?? '')
    if (!/^[^/\\\0]+$/.test(name) || name === '.' || name === '..')
      throw new Error(`${placeOf(url)} lists ${JSON.stringify(name)}, which is no name of a file`)
    return { path: name, isFolder: file['is_dir'] === true }
  })
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
