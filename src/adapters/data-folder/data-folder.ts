/** The folder in which a server keeps everything that must outlive it. One server at a time. */
import { mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CutoverError } from '../../core/errors.ts'
import { writeWhole } from './atomic-file.ts'
import { takeFolderLock } from './folder-lock.ts'

/** The format of the folder as a whole: which files there are and what they hold. Schemas have their own numbers. */
const folderFormat = 1
const formatName = 'FORMAT'

export interface DataFolder {
  /** Absolute, without links. */
  readonly path: string
  /** The path of a file of this name inside the folder. */
  file(name: string): string
  /** Lets another server have the folder. */
  close(): void
}

/**
 * Opens the folder, or makes it, and keeps every other server out until it is closed or the process ends, however that
 * happens. Throws `data-folder-locked` if a server has it, `data-folder-invalid` if it cannot be used.
 */
export function openDataFolder(path: string): DataFolder {
  const folder = makeFolder(path)
  const release = takeFolderLock(folder)
  try {
    checkFormat(folder)
  } catch (error) {
    release()
    throw error
  }
  return { path: folder, file: name => join(folder, plainName(name)), close: release }
}

/** Others on the machine may not read it: payloads and unit keys are personal data. */
function makeFolder(path: string): string {
  try {
    makeLevels(path)
    return realpathSync(path)
  } catch (error) {
    throw unusable(path, 'it cannot be made, or is not a folder', error)
  }
}

/** Not `recursive`: that tries for ever where a folder that is there lets nothing be made in it, such as /proc. */
function makeLevels(path: string): void {
  if (isFolder(path)) return
  makeLevels(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another server may have made it at the same moment; the lock tells which of them has it.
    if (!isFolder(path)) throw error
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function checkFormat(folder: string): void {
  const found = readFormat(folder) ?? writeFormat(folder)
  if (!/^[1-9][0-9]*$/.test(found)) {
    throw unusable(folder, `its file ${formatName} holds ${JSON.stringify(found.slice(0, 40))}, which is not a number`)
  }
  if (Number(found) > folderFormat) {
    throw unusable(
      folder,
      `it has format ${found}, and this version of Cutover knows formats up to ${folderFormat}; run the version that made it`,
    )
  }
}

function readFormat(folder: string): string | null {
  try {
    return readFileSync(join(folder, formatName), 'utf8').trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw unusable(folder, `its file ${formatName} cannot be read`, error)
  }
}

function writeFormat(folder: string): string {
  try {
    writeWhole(join(folder, formatName), `${folderFormat}\n`)
    return String(folderFormat)
  } catch (error) {
    throw unusable(folder, 'it cannot be written to', error)
  }
}

function plainName(name: string): string {
  if (name === '' || name === '.' || name === '..' || basename(name) !== name)
    throw new Error(`not a file name: ${name}`)
  return name
}

function unusable(folder: string, reason: string, cause?: unknown): CutoverError {
  const detail = cause instanceof Error ? ` (${cause.message})` : ''
  const advice = 'Give it to the user that runs Cutover, or name another folder with --data OTHER'
  return new CutoverError(
    'data-folder-invalid',
    `cannot use ${folder} as data folder: ${reason}${detail}. ${advice}`,
    [],
    cause,
  )
}
