import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { writeWhole } from './atomic-file.ts'
import type { DataFolder } from './data-folder.ts'

/**
 * Who has this folder, the same after every start: its lock says that nobody else on this machine does. The machine is part
 * of it, since a folder may be copied to another one.
 */
export function ownerOf(folder: DataFolder): string {
  const file = folder.file('owner')
  if (!existsSync(file)) writeWhole(file, `${randomUUID()}\n`)
  return `${readFileSync(file, 'utf8').trim()} on ${hostname()}`
}
