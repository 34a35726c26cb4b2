/** Files of documents, and what the server says of them led back to their lines. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { resolvePaths } from '../contract/resource-paths.ts'
import { CliError, usageError } from './errors.ts'
import type { CliDocument, Invocation } from './invocation.ts'

/** Paths in them are made absolute beside the file; beside the working folder for standard input. */
export async function readDocuments(run: Invocation, file: string): Promise<CliDocument[]> {
  const path = resolve(run.io.cwd, file)
  const folder = file === '-' ? run.io.cwd : dirname(path)
  const text = file === '-' ? await run.io.stdin.read() : await readText(path, file)
  const documents = await run.actions.parseDocuments(text, { source: file })
  if (documents.length === 0) throw usageError(`${file === '-' ? 'standard input' : file} holds no documents`)
  return documents.map(({ value, source, line, lineOf }) => ({
    value: resolvePaths(value, folder),
    source,
    line,
    lineOf,
  }))
}

export async function readText(path: string, name: string): Promise<string> {
  try {
    return withoutMark(await readFile(path, 'utf8'))
  } catch (error) {
    throw usageError(`cannot read ${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Editors on Windows begin a file with a byte order mark, which is no part of its text. */
export function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

/** Of an option that reads one file: the first of two would be left out without a word. */
export function oneFile(file: string, before: string | undefined): string {
  if (before === undefined) return file
  throw new InvalidArgumentError(`One file is read, and ${before} is given too.`)
}

/**
 * What the server says of a document is shown at its file and line. `list` documents are found by `documents[1]` in
 * the path; an `only` document is the body itself.
 */
export async function withPlaces<Result>(
  sent: { list: readonly CliDocument[] } | { only: CliDocument | undefined },
  ask: () => Promise<Result>,
): Promise<Result> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    const place = (path: string) => ('list' in sent ? placeInList(path, sent.list) : placeIn(path, sent.only))
    const problems = error.problems.map(problem => ({ ...problem, path: place(problem.path) }))
    const { message, exitCode, code } = error
    throw new CliError(message, { exitCode, problems, ...(code !== null && { code }), cause: error })
  }
}

function placeInList(path: string, documents: readonly CliDocument[]): string {
  const match = /^documents\[(\d+)\]\.?/.exec(path)
  return match === null ? path : placeIn(path.slice(match[0].length), documents[Number(match[1])], path)
}

function placeIn(inner: string, document: CliDocument | undefined, path = inner): string {
  if (document === undefined) return path
  const place = `${document.source}:${document.lineOf(inner)}`
  return inner === '' ? place : `${place} ${inner}`
}
