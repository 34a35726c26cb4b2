/** A file of resources as the server reads it at start. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { resolvePaths } from '../contract/resource-paths.ts'
import { CutoverError } from '../core/errors.ts'
import { parseDocuments, type SourcedDocument } from './documents.ts'

/** Its documents with paths made absolute against its folder. Throws invalid-resource if it cannot be read. */
export async function readResourceFile(path: string): Promise<SourcedDocument[]> {
  const folder = dirname(resolve(path))
  const documents = parseDocuments(await readText(path), { source: path })
  return documents.map(document => ({ ...document, value: resolvePaths(document.value, folder) }))
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CutoverError('invalid-resource', `cannot read ${path}: ${reason}`, [], error)
  }
}
