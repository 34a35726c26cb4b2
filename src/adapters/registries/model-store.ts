/** Files of models that were fetched: each version's in a folder of its own, there in whole or not at all. */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export interface ModelStore {
  /** The folder of a version of a registry, filled by `fill` if it is not there yet. */
  folder(of: Kept, fill: (draft: string) => Promise<void>): Promise<string>
}

/** `stated`: what is known of its files before they are fetched. Files of which something else is stated are others. */
type Kept = { registry: string; version: string; stated?: readonly string[] }

export function openModelStore(path: string): ModelStore {
  const underWay = new Map<string, Promise<string>>()
  // What a server that was killed had begun.
  const drafts = join(path, 'drafts')
  rmSync(drafts, { recursive: true, force: true })

  const fetchInto = async (place: string, fill: (draft: string) => Promise<void>): Promise<string> => {
    const draft = join(drafts, randomUUID())
    mkdirSync(draft, { recursive: true, mode: 0o700 })
    try {
      await fill(draft)
      renameSync(draft, place)
      return place
    } finally {
      rmSync(draft, { recursive: true, force: true })
    }
  }

  return {
    async folder(of, fill) {
      const place = join(path, keyOf(of))
      if (existsSync(place)) return place
      const known = underWay.get(place)
      if (known !== undefined) return known
      const fetching = fetchInto(place, fill).finally(() => underWay.delete(place))
      underWay.set(place, fetching)
      return fetching
    },
  }
}

/** Readable, and different for different versions whatever characters they have. */
function keyOf({ registry, version, stated = [] }: Kept): string {
  const readable = `${registry}-${version}`.replace(/[^A-Za-z0-9._-]+/g, '-').slice(-60)
  const checksum = createHash('sha256')
    .update(JSON.stringify([registry, version, ...stated]))
    .digest('hex')
    .slice(0, 16)
  return `${checksum}-${readable}`
}
