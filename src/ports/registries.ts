/** Model registries: what they offer, where its files are, and being told what became of it. */
import type { RegistryNews } from '../core/registry/news.ts'
import type { Found, RegistrySource } from '../core/registry/registry.ts'

/** One of them. Everything rejects with an error for people when the registry cannot be asked, and may then be asked again. */
export interface ModelRegistry {
  /** What it offers now; null where it offers nothing. */
  newest(): Promise<Found | null>
  /** Where the version's files are on this machine: a file, or a folder of several. Fetched at the first question. */
  place(found: Found): Promise<string>
  /** Telling twice does no more than once. A registry that takes no news has heard it. */
  tell(news: RegistryNews): Promise<void>
}

export interface Registries {
  /** What is under way when `until` is aborted rejects soon, whatever the registry does; so does what is asked after that. */
  open(source: RegistrySource, until?: AbortSignal): ModelRegistry
}
