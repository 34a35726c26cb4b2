/** Where new versions come from by themselves, as people write it. */
import { z } from 'zod'
import { duration, object, webAddress } from './resource-parts.ts'
import { addedHeadersRule } from './resource-providers.ts'
import {
  allowedMark,
  asObject,
  exactlyOne,
  type Loose,
  type Report,
  releaseRule,
  versionRule,
  withRule,
} from './resource-rules.ts'
import { secretRef } from './resource-webhooks.ts'
import { blueGreenIsLast } from './stages/blue-green.ts'
import { parseDurationMs } from './units.ts'

const address = webAddress('http://host:port/path, https://…')

const mlflow = object({
  url: address.meta({ description: 'Base address of the tracking server; its REST API 2.0 is asked.' }),
  model: z.string().min(1).max(500).meta({ description: 'Name of the registered model.' }),
  alias: z.string().min(1).default('challenger').meta({ description: 'Whatever it points at is released.' }),
  champion: z
    .string()
    .min(1)
    .default('champion')
    .meta({ description: 'Alias that is set on the version that serves.' }),
  token: secretRef.optional().meta({ description: 'Sent as `authorization: Bearer`.' }),
})

const folder = object({
  path: z.string().min(1).meta({ description: 'The folder; beside the file if it is relative.' }),
  pattern: z
    .string()
    .regex(/^[^/]*\{version\}[^/]*$/, `is not a file name with {version} in it${allowedMark}fraud-{version}.onnx`)
    .meta({ description: 'Name of a file, with `{version}`; the greatest version is the newest: 10 after 9.' }),
})

const manifest = object({
  url: address.meta({
    description: 'Answers JSON: `version`, and if they are needed `model`, `file`, `sha256`, `tags`.',
  }),
})

const versionName = z
  .string()
  .regex(/\{version\}/, `has no {version} in it${allowedMark}m{version}, {model}-{version}`)
  .default('m{version}')

/** `version` and `release` are those of the documents, less what only a found version says. */
export function registryOf<Version extends z.ZodRawShape, Release extends z.ZodRawShape>(
  version: Version,
  release: Release,
) {
  const template = withRule(object(version), templateRule).meta({
    id: 'VersionTemplate',
    description:
      'How a found version runs: exactly one of onnx, command, url, with `{version}`, `{model}`, `{path}` (of its files on this machine), `{uri}` and `{tags.NAME}` filled in.',
  })
  const plan = withRule(withRule(object(release), releaseRule), blueGreenIsLast).meta({
    id: 'RegistryRelease',
    description: 'The release that a found version starts: a Release without kind, endpoint, to and group.',
  })
  const shape = object({
    mlflow: mlflow.optional(),
    folder: folder.optional(),
    manifest: manifest.optional(),
    every: duration.default('30s').meta({ description: 'How often it is asked, from 1s; more rarely while it fails.' }),
    name: versionName.meta({ description: 'Names of the versions that are made.' }),
    version: template,
    release: plan,
  })
  return withRule(shape, registryRule).meta({
    id: 'Registry',
    description:
      'A model registry whose new versions are released by themselves: exactly one of mlflow, folder, manifest.',
  })
}

const sources = ['mlflow', 'folder', 'manifest'] as const
const everyMinMs = 1_000

function registryRule(registry: Loose, report: Report): void {
  exactlyOne(registry, sources, report)
  const everyMs = typeof registry['every'] === 'string' ? parseDurationMs(registry['every']) : null
  if (everyMs !== null && everyMs < everyMinMs) report(['every'], 'is shorter than 1s', 'from 1s')
  const allowed = sources.flatMap(source => (registry[source] === undefined ? [] : placeholders[source]))
  for (const { path, text } of textsOf(registry['version'], ['version']))
    for (const [word, key = ''] of text.matchAll(/\{([a-z][A-Za-z0-9._-]*)\}/g)) {
      const kind = key.startsWith('tags.') ? 'tags.' : key
      if (kind === 'port' || allowed.length === 0 || (allowed as readonly string[]).includes(kind)) continue
      const known = allowed.map(one => (one === 'tags.' ? '{tags.NAME}' : `{${one}}`))
      report(path, `${word} is not told by this registry`, known.join(', '))
    }
}

/** What each kind of registry tells of a version. */
const placeholders = {
  mlflow: ['version', 'model', 'path', 'uri', 'tags.'],
  folder: ['version', 'model', 'path', 'uri'],
  manifest: ['version', 'model', 'path', 'uri', 'tags.'],
} as const satisfies Readonly<Record<(typeof sources)[number], readonly string[]>>

type Text = { path: readonly PropertyKey[]; text: string }

function textsOf(value: unknown, path: readonly PropertyKey[]): Text[] {
  if (typeof value === 'string') return [{ path, text: value }]
  if (Array.isArray(value)) return value.flatMap((item, index) => textsOf(item, [...path, index]))
  return Object.entries(asObject(value)).flatMap(([key, item]) => textsOf(item, [...path, key]))
}

/** A version whose every text is the same would be one version under many names. */
function templateRule(version: Loose, report: Report): void {
  versionRule(version, report)
  addedHeadersRule(version, report)
  if (textsOf(version, []).some(({ text }) => /\{(version|path|uri|tags\.[^}]+)\}/.test(text))) return
  report([], 'would be the same for every version', 'put {path}, {uri}, {version} or {tags.NAME} into it')
}
