/** What every part of a server stands on. */
import type { Logger } from 'pino'
import { createEntrances, type Entrances } from '../adapters/access/entrances.ts'
import { nodeSecrets } from '../adapters/access/node-secrets.ts'
import { systemClock } from '../adapters/clock/system.ts'
import { type DataFolder, openDataFolder } from '../adapters/data-folder/data-folder.ts'
import { createServerLog } from '../adapters/server-log/server-log.ts'
import { isLoopback, type ServerSettings } from '../config/load.ts'
import type { SecretRef } from '../core/webhook.ts'
import type { Clock } from '../ports/clock.ts'
import type { Ending } from './endings.ts'

export type Ground = {
  settings: ServerSettings
  logger: Logger
  /** Says what went wrong where there is nobody to answer. */
  complain(what: string, cause: unknown): void
  clock: Clock
  folder: DataFolder
  entrances: Entrances
  /** Null where the environment has none. */
  secretOf(ref: SecretRef): string | null
  /** Each part that was made adds how it ends. */
  endings: Ending[]
}

/** Throws `data-folder-invalid` and what is wrong with keys and certificates. */
export function openGround(settings: ServerSettings, endings: Ending[]): Ground {
  const logger = createServerLog({ level: settings.logLevel, base: null })
  const folder = openDataFolder(settings.data)
  endings.push(() => folder.close())
  const entrances = createEntrances({
    ...{ settings, clock: systemClock, logger, secrets: nodeSecrets, isLocal: isLoopback },
    keyFile: folder.file('control.key'),
  })
  endings.push(() => entrances.close())
  return {
    ...{ settings, logger, clock: systemClock, folder, entrances, endings },
    complain: (what, cause) => logger.error({ err: cause }, what),
    secretOf: ({ env }) => process.env[env] || null,
  }
}
