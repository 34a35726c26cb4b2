/** Relative paths mean something only beside the file that names them: they are made absolute before a document travels. */
import { isAbsolute, resolve } from 'node:path'

type Plain = Readonly<Record<string, unknown>>

/**
 * The document with the paths of `onnx`, `cwd`, `tls`, files of secrets and a registry's folder absolute, and `cwd` filled in
 * for commands: the folder of the file.
 * Leaves alone what it does not understand, so that validation sees the document as it was written.
 */
export function resolvePaths(document: unknown, baseFolder: string): unknown {
  if (!isPlain(document) || document['kind'] !== 'Endpoint' || !isPlain(document['versions'])) return document
  const versions = Object.entries(document['versions']).map(([name, version]) => [name, inVersion(version, baseFolder)])
  const { registry } = document
  return {
    ...document,
    versions: Object.fromEntries(versions),
    ...(isPlain(registry) && { registry: inRegistry(registry, baseFolder) }),
  }
}

function inRegistry(registry: Plain, baseFolder: string): Plain {
  const { folder, version } = registry
  const path = isPlain(folder) ? folder['path'] : undefined
  return {
    ...registry,
    ...(isPlain(folder) && isPath(path) && { folder: { ...folder, path: absolute(path, baseFolder) } }),
    ...(version !== undefined && { version: inVersion(version, baseFolder) }),
  }
}

function inVersion(version: unknown, baseFolder: string): unknown {
  if (!isPlain(version)) return version
  const { onnx, cwd, command, tls, headers } = version
  return {
    ...version,
    ...(isPath(onnx) && { onnx: absolute(onnx, baseFolder) }),
    ...(isPlain(onnx) && isPath(onnx['model']) && { onnx: { ...onnx, model: absolute(onnx['model'], baseFolder) } }),
    ...(typeof cwd === 'string' && { cwd: absolute(cwd, baseFolder) }),
    ...(command !== undefined && cwd === undefined && { cwd: baseFolder }),
    ...(isPlain(tls) && { tls: inTls(tls, baseFolder) }),
    ...(isPlain(headers) && { headers: inHeaders(headers, baseFolder) }),
  }
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function inTls(tls: Plain, baseFolder: string): Plain {
  const files = Object.entries(tls).filter(
    ([key, file]) => ['ca', 'cert', 'key'].includes(key) && typeof file === 'string',
  )
  return { ...tls, ...Object.fromEntries(files.map(([key, file]) => [key, absolute(String(file), baseFolder)])) }
}

function inHeaders(headers: Plain, baseFolder: string): Plain {
  const resolved = Object.entries(headers).map(([name, value]) => {
    const file = isPlain(value) ? value['file'] : undefined
    return [name, isPlain(value) && typeof file === 'string' ? { ...value, file: absolute(file, baseFolder) } : value]
  })
  return Object.fromEntries(resolved)
}

/** `{path}/model.onnx` is beside no file: what stands for the placeholder is absolute. */
function absolute(path: string, baseFolder: string): string {
  return isAbsolute(path) || /^\{(path|tags\.)/.test(path) ? path : resolve(baseFolder, path)
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
