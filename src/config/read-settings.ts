/** All that the server is told at its start, file included. */
import { configFile, loadSettings, type ServerSettings, type SettingSources } from './load.ts'
import { readServerSettings } from './resource-file.ts'

/** Throws as `loadSettings` does, and invalid-resource for a file that cannot be read or a Server document with faults. */
export async function readSettings(sources: Omit<SettingSources, 'file'>): Promise<ServerSettings> {
  const path = configFile(sources)
  return loadSettings({ ...sources, file: path === null ? null : await readServerSettings(path) })
}
