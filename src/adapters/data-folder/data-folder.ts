/** The folder that a server keeps everything in, and the lock that keeps a second server out. */
import { accessSync, constants, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CutoverError } from '../../core/errors.ts'

const format = 1

export interface DataFolder {
  readonly path: string
  file(name: string): string
  close(): void
}

/**
 * Creates the folder if there is none and locks it. The lock is the operating system's own, held through an open
 * database file: it goes with the process, however that ends, and a recycled process id cannot feign it.
 */
export function openDataFolder(folder: string): DataFolder {
  const path = resolve(folder)
  prepare(path)
  const lock = takeLock(path)
  try {
    checkFormat(join(path, 'FORMAT'))
  } catch (error) {
    lock.close()
    throw error
  }
  return { path, file: name => join(path, name), close: () => lock.close() }
}

function prepare(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
    if (!statSync(path).isDirectory()) throw new Error('it is not a folder')
    accessSync(path, constants.W_OK | constants.R_OK)
  } catch (error) {
    throw new CutoverError(
      'data-folder-invalid',
      `the data folder ${path} cannot be used: ${messageOf(error)}; choose another with --data FOLDER`,
      [],
      error,
    )
  }
}

function takeLock(path: string): DatabaseSync {
  const holder = join(path, 'lock.json')
  const lock = new DatabaseSync(join(path, 'lock.db'))
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    throw new CutoverError(
      'data-folder-locked',
      `another server uses the data folder ${path}${describeHolder(holder)}: stop it, or choose another folder with --data FOLDER`,
      [],
      error,
    )
  }
  writeFileSync(holder, JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }))
  return lock
}

function describeHolder(file: string): string {
  try {
    const { pid, since } = JSON.parse(readFileSync(file, 'utf8'))
    return ` (process ${pid}, since ${since})`
  } catch {
    return ''
  }
}

function checkFormat(file: string): void {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    writeFileSync(file, `${format}\n`)
    return
  }
  const found = Number(text)
  if (!(found >= 1 && found <= format)) {
    throw new CutoverError(
      'data-folder-invalid',
      `${file} says format ${text.trim()}; this Cutover knows up to ${format}: use the version that wrote it, or another data folder`,
    )
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
