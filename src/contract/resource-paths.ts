/** Paths in a document are relative to its file: they are made absolute before the document leaves that file's place. */
import { resolve } from 'node:path'

type Plain = Readonly<Record<string, unknown>>

/** The document with `onnx` and `cwd` of its versions made absolute; a command without `cwd` runs in `folder`. */
export function resolvePaths(document: unknown, folder: string): unknown {
  if (!isPlain(document) || document['kind'] !== 'Endpoint' || !isPlain(document['versions'])) return document
  const versions = Object.entries(document['versions']).map(([name, version]) => [
    name,
    isPlain(version) ? resolveVersion(version, folder) : version,
  ])
  return { ...document, versions: Object.fromEntries(versions) }
}

function resolveVersion(version: Plain, folder: string): Plain {
  const { onnx, cwd, command } = version
  return {
    ...version,
    ...(typeof onnx === 'string' && { onnx: resolve(folder, onnx) }),
    ...((typeof cwd === 'string' || (command !== undefined && cwd === undefined)) && {
      cwd: resolve(folder, typeof cwd === 'string' ? cwd : '.'),
    }),
  }
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
