/** The registries that are known how to ask. */
import { type RegistrySource, registryName } from '../../core/registry/registry.ts'
import type { SecretRef } from '../../core/webhook.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ModelRegistry, Registries } from '../../ports/registries.ts'
import { createFolderRegistry } from './folder.ts'
import { createManifestRegistry } from './manifest.ts'
import { createMlflowRegistry } from './mlflow.ts'
import { openModelStore } from './model-store.ts'

export type RegistriesOptions = {
  clock: Clock
  /** The folder in which fetched files are kept. */
  folder: string
  /** The secret that a reference names; null if there is none. */
  secretOf(ref: SecretRef): string | null
}

export function createRegistries({ clock, folder, secretOf }: RegistriesOptions): Registries {
  const store = openModelStore(folder)
  return {
    open(source, until): ModelRegistry {
      const registry = registryName(source)
      switch (source.from) {
        case 'mlflow':
          return createMlflowRegistry({ ...source, registry, store, until, token: () => tokenOf(source, secretOf) })
        case 'folder':
          return createFolderRegistry({ ...source, clock })
        case 'manifest':
          return createManifestRegistry({ ...source, registry, store, until })
        default:
          return source satisfies never
      }
    },
  }
}

function tokenOf(
  { token }: Extract<RegistrySource, { from: 'mlflow' }>,
  secretOf: RegistriesOptions['secretOf'],
): string | null {
  if (token === null) return null
  const secret = secretOf(token)
  if (secret === null) throw new Error(`the variable ${token.env} holds no token`)
  return secret
}
