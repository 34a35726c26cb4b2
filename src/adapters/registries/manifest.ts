/**
 * A JSON document under an address as a registry: `{"model": "fraud", "version": "7", "file": "fraud-7.onnx", "sha256":
 * "…", "tags": {}}`. The file is fetched once and kept only if its checksum is the one that is stated. It takes no news.
 */
import { basename, join } from 'node:path'
import { limits } from '../../core/limits.ts'
import type { Found } from '../../core/registry/registry.ts'
import type { ModelRegistry } from '../../ports/registries.ts'
import { isPlain, parseObject, shortTags, textAt } from './answers.ts'
import type { ModelStore } from './model-store.ts'
import { askWeb, fetchFile, placeOf } from './web.ts'

type Read = { found: Found; sha256: string | null }

export function createManifestRegistry(options: {
  url: string
  registry: string
  store: ModelStore
  until: AbortSignal | undefined
}): ModelRegistry {
  const { registry, store, until } = options
  const url = new URL(options.url)

  const read = async (): Promise<Read | null> => {
    const { status, text } = await askWeb({ url, until })
    if (status === 404) return null
    if (status !== 200) throw new Error(`${placeOf(url)} answered ${status}`)
    return readManifest(text, url)
  }

  return {
    newest: async () => (await read())?.found ?? null,

    async place({ version }) {
      const manifest = await read()
      if (manifest?.found.version !== version) throw new Error(`${placeOf(url)} does not offer ${version} any more`)
      const { sha256, found } = manifest
      if (found.uri === null) throw new Error(`${placeOf(url)} names no file of version ${version}`)
      if (sha256 === null) throw new Error(`${placeOf(url)} states no sha256 of the file of version ${version}`)
      const file = new URL(found.uri)
      const name = fileName(file)
      const folder = await store.folder({ registry, version, stated: [sha256, name] }, async draft => {
        const fetched = await fetchFile({
          url: file,
          file: join(draft, name),
          bytesMax: limits.registryDownloadBytesMax,
          until,
        })
        if (fetched.sha256 !== sha256)
          throw new Error(`${placeOf(file)} has sha256 ${fetched.sha256}, not ${sha256} as stated`)
      })
      return join(folder, name)
    },

    async tell() {},
  }
}

function readManifest(text: string, url: URL): Read {
  const where = placeOf(url)
  const manifest = parseObject(text, where)
  const version = textAt(manifest, 'version', where)
  if (version === null) throw new Error(`${where} states no version`)
  const file = textAt(manifest, 'file', where)
  const sha256 = textAt(manifest, 'sha256', where)?.toLowerCase() ?? null
  if (sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256))
    throw new Error(`${where}: sha256 is not 64 hexadecimal digits`)
  const tags = isPlain(manifest['tags']) ? shortTags(Object.entries(manifest['tags'])) : {}
  const uri = file === null ? null : fileUrl(file, url).href
  return { found: { version, model: textAt(manifest, 'model', where), uri, tags }, sha256 }
}

function fileUrl(file: string, base: URL): URL {
  if (!URL.canParse(file, base)) throw new Error(`${placeOf(base)}: file is not an address`)
  const url = new URL(file, base)
  if (url.protocol === 'http:' || url.protocol === 'https:') return url
  throw new Error(`${placeOf(base)}: file is not an http or https address`)
}

/** The last part of the path, as a plain name. */
function fileName(url: URL): string {
  const plain = basename(url.pathname).replace(/[^A-Za-z0-9._-]+/g, '-')
  return /^[A-Za-z0-9]/.test(plain) ? plain : 'model'
}
