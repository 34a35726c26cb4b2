/**
 * The lock of a data folder. It is an exclusive SQLite lock on a file of its own, which the operating system keeps for
 * the process: it ends with the process, by `kill -9` too, and there is no pid that could have been given to another.
 * No code may open `lock.db` by other means: POSIX drops a process's locks when it closes any descriptor of the file.
 */
import { readFileSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CutoverError } from '../../core/errors.ts'
import { isBusy } from '../sqlite/failure.ts'
import { writeWhole } from './atomic-file.ts'

const lockName = 'lock.db'
/** Says who holds the lock. For the message only: it may be stale or missing, and decides nothing. */
const holderName = 'lock.json'

/** Returns what gives the lock back. Throws `data-folder-locked` or `data-folder-invalid`. */
export function takeFolderLock(folder: string): () => void {
  const database = lockFile(folder)
  try {
    writeWhole(join(folder, holderName), holderText())
  } catch (error) {
    database.close()
    throw notLockable(folder, error)
  }
  return () => {
    if (!database.isOpen) return
    rmSync(join(folder, holderName), { force: true })
    database.close()
  }
}

function lockFile(folder: string): DatabaseSync {
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(join(folder, lockName), { timeout: 0 })
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    throw isBusy(error) ? locked(folder) : notLockable(folder, error)
  }
}

function holderText(): string {
  const startedAt = new Date(performance.timeOrigin).toISOString()
  return `${JSON.stringify({ pid: process.pid, host: hostname(), startedAt })}\n`
}

function locked(folder: string): CutoverError {
  const detail = `another server uses the data folder ${folder}: ${describeHolder(folder)}`
  return new CutoverError('data-folder-locked', `${detail}. Stop it, or start this one with --data OTHER`)
}

function describeHolder(folder: string): string {
  try {
    const holder: unknown = JSON.parse(readFileSync(join(folder, holderName), 'utf8'))
    if (typeof holder !== 'object' || holder === null) return 'unknown process'
    const { pid, host, startedAt } = { pid: '?', host: '?', startedAt: '?', ...holder }
    return `process ${pid} on ${host}, running since ${startedAt}`
  } catch {
    return 'unknown process'
  }
}

function notLockable(folder: string, cause: unknown): CutoverError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new CutoverError(
    'data-folder-invalid',
    `cannot use ${folder} as data folder: it cannot be locked (${message}). ` +
      'Give it to the user that runs Cutover, or name another folder with --data OTHER',
    [],
    cause,
  )
}
