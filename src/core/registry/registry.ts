/** A model registry whose versions become versions of an endpoint, and start its release plan. Plain data. */
import type { Backend } from '../endpoint.ts'
import type { ReleasePlan } from '../plan.ts'
import type { SecretRef } from '../webhook.ts'

export type RegistrySource =
  | {
      from: 'mlflow'
      url: string
      model: string
      /** Whatever this alias points at is the newest version. */
      alias: string
      /** Set on the version that serves. */
      champion: string
      token: SecretRef | null
    }
  | {
      from: 'folder'
      path: string
      /** A file's name with `{version}` in it. */
      pattern: string
    }
  | { from: 'manifest'; url: string }

/** A plan without what only a found version knows. In it `candidateWord` stands for that version. */
export type RegistryPlan = Omit<ReleasePlan, 'endpoint' | 'from' | 'to' | 'planVersion' | 'labelWindowMs' | 'reason'>

/** Stands for the candidate in the plan of a registry; no version can have this name. */
export const candidateWord = '~found'

export type Registry = {
  source: RegistrySource
  everyMs: number
  /** Of the versions that are made: text with `{model}` and `{version}`. */
  name: string
  /** How such a version runs: its texts have placeholders. */
  template: { backend: Backend; instances: number }
  plan: RegistryPlan
}

/** Where a version came from: a registry, and its version there. */
export type Origin = { registry: string; version: string }

/** A version that a registry offers. */
export type Found = {
  version: string
  /** As the registry calls the model; null where it has no name for it. */
  model: string | null
  /** Where its files are; null where the registry does not say. */
  uri: string | null
  tags: Readonly<Record<string, string>>
}

/** The registry in a word that people and logs know it by. */
export function registryName(source: RegistrySource): string {
  switch (source.from) {
    case 'mlflow':
      return `mlflow:${source.model}`
    case 'folder':
      return `folder:${source.path}`
    case 'manifest':
      return `manifest:${withoutSecrets(source.url)}`
    default:
      return source satisfies never
  }
}

/** A query or a user's name may hold what logs must not. */
function withoutSecrets(url: string): string {
  return url.replace(/[?#].*$/, '').replace(/\/\/[^/@]*@/, '//')
}
