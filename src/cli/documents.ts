/** Resource documents from a file or standard input, their paths made absolute beside the file. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { LineCounter, parseAllDocuments } from 'yaml'
import { resolvePaths } from '../contract/resource-paths.ts'
import type { Io } from './io.ts'
import { CliFault, exit } from './outcome.ts'

/** Exit code 2 with line and column for what is no YAML or JSON. */
export async function readDocuments(file: string, io: Io): Promise<unknown[]> {
  const source = file === '-' ? 'standard input' : file
  const text = file === '-' ? await io.readInput() : readText(resolve(io.cwd, file))
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines })
  const documents = Array.isArray(parsed) ? parsed : []
  const problems = documents.flatMap(document =>
    document.errors.map(error => {
      const { line, col } = lines.linePos(error.pos[0])
      return {
        path: `${source}:${line}:${col}`,
        message: error.message.split('\n')[0]?.replace(/ at line .*$/, '') ?? '',
      }
    }),
  )
  if (problems.length > 0) throw new CliFault(`${source} is not valid YAML`, { exitCode: exit.usage, problems })
  const folder = file === '-' ? io.cwd : dirname(resolve(io.cwd, file))
  const values = documents
    .map(document => document.toJS() as unknown)
    .filter(value => value !== null && value !== undefined)
  if (values.length === 0) throw new CliFault(`${source} holds no document`, { exitCode: exit.usage })
  return values.map(value => resolvePaths(value, folder))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliFault(`${path} cannot be read: ${error instanceof Error ? error.message : error}`, {
      exitCode: exit.usage,
    })
  }
}
