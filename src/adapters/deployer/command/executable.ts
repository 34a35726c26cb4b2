import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

/** Why a command cannot be started, or null. The word is looked up as the system does: in PATH unless it has a slash. */
export async function startProblem(word: string, cwd: string, path: string): Promise<string | null> {
  if (!(await isFolder(cwd))) return `the folder ${cwd}, in which it is to run, does not exist`
  const hasSlash = word.includes('/') || isAbsolute(word)
  const folders = path.split(delimiter).filter(folder => folder !== '')
  const candidates = hasSlash ? [resolve(cwd, word)] : folders.map(folder => join(resolve(cwd, folder), word))
  const found = await Promise.all(candidates.map(isExecutable))
  if (found.includes(true)) return null
  if (hasSlash) return `${candidates[0]} does not exist or is not executable`
  return `no executable "${word}" in PATH (${path}); give its full path or add its folder to PATH`
}

/** What the version says, with the port that the instance must listen on in the place of `{port}`. */
export function withPort(word: string, port: number): string {
  return word.replaceAll('{port}', String(port))
}

/** The environment of a command: that of Cutover without Cutover's own settings, then what the version sets. */
export function commandEnvironment(own: Readonly<Record<string, string>>, port: number): Record<string, string> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('CUTOVER_'))
  const kept = inherited.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
  const set = Object.entries(own).map(([name, value]) => [name, withPort(value, port)] as const)
  return { ...Object.fromEntries(kept), PORT: String(port), ...Object.fromEntries(set) }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
