/** A plain folder as a registry: files whose names have a version in them. It takes no news. */
import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { limits } from '../../core/limits.ts'
import type { Found } from '../../core/registry/registry.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ModelRegistry } from '../../ports/registries.ts'

const inOrder = new Intl.Collator('en', { numeric: true })

export function createFolderRegistry(options: { path: string; pattern: string; clock: Clock }): ModelRegistry {
  const { path, pattern, clock } = options
  const [before = '', after = ''] = pattern.split('{version}')
  const fileOf = (version: string): string => join(path, `${before}${version}${after}`)

  const versionIn = (name: string): string[] => {
    const isLike = name.startsWith(before) && name.endsWith(after) && name.length > before.length + after.length
    return isLike ? [name.slice(before.length, name.length - after.length)] : []
  }

  /** A file that is still being written is not there yet. */
  const isSettled = async (version: string): Promise<boolean> => {
    const { mtimeMs } = await stat(fileOf(version))
    return clock.nowMs() - mtimeMs >= limits.registrySettleMs
  }

  const foundOf = (version: string): Found => ({
    version,
    model: null,
    uri: pathToFileURL(fileOf(version)).href,
    tags: {},
  })

  return {
    async newest() {
      const names = await readdir(path)
      if (names.length > limits.registryFilesMax)
        throw new Error(`${path} has ${names.length} files; at most ${limits.registryFilesMax} are looked at`)
      for (const version of names.flatMap(versionIn).toSorted(inOrder.compare).toReversed())
        if (await isSettled(version)) return foundOf(version)
      return null
    },
    async place({ version }) {
      const file = fileOf(version)
      if (!existsSync(file)) throw new Error(`there is no file ${file} any more`)
      return file
    },
    async tell() {},
  }
}
