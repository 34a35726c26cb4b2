/** A file of documents as the server reads it at start. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { resolvePaths } from '../contract/resource-paths.ts'
import { CutoverError } from '../core/errors.ts'
import { parseDocuments, type SourcedDocument } from './documents.ts'
import { type FileSettings, isServerDocument, serverSettingsIn } from './server-document.ts'

/** Its resources with paths made absolute against its folder. Throws invalid-resource if it cannot be read. */
export async function readResourceFile(path: string): Promise<SourcedDocument[]> {
  const folder = dirname(resolve(path))
  const documents = parseDocuments(await readText(path), { source: path })
  const resources = documents.filter(({ value }) => !isServerDocument(value))
  return resources.map(document => ({ ...document, value: resolvePaths(document.value, folder) }))
}

/** What the file says of the server itself; null if nothing. */
export async function readServerSettings(path: string): Promise<FileSettings | null> {
  return serverSettingsIn(parseDocuments(await readText(path), { source: path }))
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CutoverError('invalid-resource', `cannot read ${path}: ${reason}`, [], error)
  }
}
