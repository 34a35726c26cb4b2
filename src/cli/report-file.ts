/** The file of a report: known to be writable before anything is started. */
import { constants } from 'node:fs'
import { access, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { CliError, usageError } from './errors.ts'
import type { Invocation } from './invocation.ts'

export interface Report {
  write(text: string): Promise<void>
}

/** `after`: what is over once it is written, for the error if it cannot be. */
type ReportOptions = { file: string; flag: string; after: string }

export async function openReport(run: Invocation, { file, flag, after }: ReportOptions): Promise<Report> {
  const path = resolve(run.io.cwd, file)
  try {
    await access(dirname(path), constants.W_OK)
    const isFolder = await stat(path).then(
      found => found.isDirectory(),
      () => false,
    )
    if (isFolder) throw new Error('it is a folder')
  } catch (error) {
    throw usageError(`cannot write ${file}: ${textOf(error)}`, [
      { path: flag, message: 'cannot be written', value: file },
    ])
  }
  return {
    async write(text) {
      try {
        await writeFile(path, text)
      } catch (error) {
        throw new CliError(`${after}, but ${file} cannot be written: ${textOf(error)}`, { cause: error })
      }
    },
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
