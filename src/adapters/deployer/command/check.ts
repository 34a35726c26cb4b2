/** Whether a command could be started at all: its folder and its first word exist. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import type { Backend, VersionSpec } from '../../../core/endpoint.ts'
import { CutoverError } from '../../../core/errors.ts'

export function checkCommand(version: VersionSpec, backend: Extract<Backend, { kind: 'command' }>): void {
  const path = `versions.${version.name}.command`
  if (!isFolder(backend.cwd)) {
    throw new CutoverError('invalid-resource', `${path}: the folder ${backend.cwd} does not exist`, [
      { path: `versions.${version.name}.cwd`, message: 'no such folder', value: backend.cwd },
    ])
  }
  const [word = ''] = backend.argv
  const candidates =
    word.includes('/') || isAbsolute(word)
      ? [resolve(backend.cwd, word)]
      : (backend.env['PATH'] ?? process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, word))
  if (candidates.some(isExecutable)) return
  throw new CutoverError(
    'invalid-resource',
    `${path}: \`${word}\` cannot be run: no executable file of that name ${word.includes('/') ? `at ${candidates[0]}` : 'on the PATH'}`,
    [{ path: `${path}[0]`, message: 'not an executable file', value: word }],
  )
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
