/**
 * MLflow's model registry by its REST API 2.0: an alias says what is to be released, another one is set on what serves,
 * and tags of a model version tell how its release ended.
 */
import { limits } from '../../core/limits.ts'
import type { RegistryNews } from '../../core/registry/news.ts'
import type { Found } from '../../core/registry/registry.ts'
import type { ModelRegistry } from '../../ports/registries.ts'
import { isPlain, parseObject, shortTags, textAt } from './answers.ts'
import { placeFiles } from './mlflow-files.ts'
import type { ModelStore } from './model-store.ts'
import { askWeb, placeOf } from './web.ts'

export type MlflowOptions = {
  url: string
  model: string
  alias: string
  champion: string
  registry: string
  store: ModelStore
  until: AbortSignal | undefined
  /** Asked for at every request, so that a changed secret counts at once. Null where none is needed; throws where it is missing. */
  token(): string | null
}

type Query = Readonly<Record<string, string>>
type Call = { method: 'GET' | 'POST' | 'DELETE'; path: string; query?: Query; json?: unknown }

export function createMlflowRegistry(options: MlflowOptions): ModelRegistry {
  const { model, alias, champion, registry, store, until } = options
  const base = options.url.replace(/\/+$/, '')

  const call = async ({ method, path, query = {}, json }: Call): Promise<Readonly<Record<string, unknown>>> => {
    const url = new URL(`${base}/api/2.0/mlflow/${path}`)
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
    const { status, text } = await askWeb({ url, method, json, token: options.token(), until })
    if (status === 200) return parseObject(text, placeOf(url))
    throw refusalOf(status, text, placeOf(url))
  }

  /** The version that an alias points at; null where there is no such alias. */
  const versionAt = async (name: string): Promise<Readonly<Record<string, unknown>> | null> => {
    const answer = await orNull(
      call({ method: 'GET', path: 'registered-models/alias', query: { name: model, alias: name } }),
      isNoAlias,
    )
    const version = answer?.['model_version']
    return isPlain(version) ? version : null
  }

  const moveChampion = async (version: string | null, was: string | null): Promise<void> => {
    const path = 'registered-models/alias'
    if (version !== null) {
      await call({ method: 'POST', path, json: { name: model, alias: champion, version } })
      return
    }
    // Where somebody else has moved it meanwhile it is theirs.
    const now = await versionAt(champion)
    if (now !== null && String(now['version']) === was)
      await call({ method: 'DELETE', path, json: { name: model, alias: champion } })
  }

  const tag = (version: string, key: string, value: string): Promise<unknown> =>
    call({ method: 'POST', path: 'model-versions/set-tag', json: { name: model, version, key, value } })

  const tellVerdict = async ({
    version,
    verdict,
    reason,
  }: Extract<RegistryNews, { kind: 'verdict' }>): Promise<void> => {
    await tag(version, 'cutover.verdict', verdict)
    await tag(version, 'cutover.reason', reason.slice(0, limits.registryTextMax))
  }

  return {
    async newest() {
      const version = await versionAt(alias)
      return version === null ? null : foundIn(version, `${base}: ${model}`)
    },

    async place({ version }) {
      const query = { name: model, version }
      const answer = await call({ method: 'GET', path: 'model-versions/get-download-uri', query })
      const uri = textAt(answer, 'artifact_uri', base)
      if (uri === null) throw new Error(`${base} does not say where the files of ${model} ${version} are`)
      const keep = (fill: (draft: string) => Promise<void>) => store.folder({ registry, version }, fill)
      return placeFiles({ base, uri, token: options.token(), until, keep })
    },

    /** A version that is gone cannot be told anything any more. */
    async tell(news) {
      const telling = news.kind === 'champion' ? moveChampion(news.version, news.was) : tellVerdict(news)
      await orNull(telling, isGone)
    },
  }
}

class Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(message: string, status: number, code: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

function refusalOf(status: number, text: string, where: string): Refusal {
  const { code, message } = errorIn(text)
  const says = message === '' ? '' : `: ${message.slice(0, limits.registryTextMax)}`
  return new Refusal(`${where} answered ${status}${says}`, status, code)
}

/** `{"error_code", "message"}`; what is before MLflow, such as a proxy, may say anything. */
function errorIn(text: string): { code: string; message: string } {
  try {
    const value: unknown = JSON.parse(text)
    if (isPlain(value)) return { code: String(value['error_code'] ?? ''), message: String(value['message'] ?? '') }
  } catch {
    // Not JSON: the status says what there is to say.
  }
  return { code: '', message: '' }
}

async function orNull<Value>(asking: Promise<Value>, isNothing: (refusal: Refusal) => boolean): Promise<Value | null> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof Refusal && isNothing(error)) return null
    throw error
  }
}

/** An alias that was never set is an invalid parameter to MLflow; a model that is not there yet does not exist. */
function isNoAlias({ status, code, message }: Refusal): boolean {
  return isGone({ status, code }) || (code === 'INVALID_PARAMETER_VALUE' && /alias .*not found/i.test(message))
}

function isGone({ status, code }: Pick<Refusal, 'status' | 'code'>): boolean {
  return status === 404 && code === 'RESOURCE_DOES_NOT_EXIST'
}

/** One that is still being registered, or failed to be, is not offered. */
function foundIn(version: Readonly<Record<string, unknown>>, where: string): Found | null {
  const { status, tags } = version
  if (status !== undefined && status !== 'READY') return null
  const number = textAt(version, 'version', where)
  if (number === null) throw new Error(`${where}: the version has no number`)
  const entries = Array.isArray(tags) ? tags.filter(isPlain) : []
  return {
    version: number,
    model: textAt(version, 'name', where),
    uri: textAt(version, 'source', where),
    tags: shortTags(entries.map(({ key, value }) => [String(key), value] as const)),
  }
}
