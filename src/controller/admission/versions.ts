/** Whether versions can be served, asked of whoever will run them. */

import { isDeepStrictEqual } from 'node:util'
import type { EndpointSpec, VersionSpec } from '../../core/endpoint.ts'
import { CutoverError } from '../../core/errors.ts'
import { own } from '../../core/own.ts'
import type { EndpointState } from '../../core/state.ts'
import type { ModelMetadata } from '../../ports/backend.ts'
import { type Interface, misfits, missingAnswer, missingFeatures } from './interface.ts'
import { refuse, type Surroundings } from './refuse.ts'

/** New versions can be served, take what callers send now, and answer with what is compared with the label. */
export async function checkVersions(
  around: Pick<Surroundings, 'deployer'>,
  before: EndpointState | undefined,
  spec: EndpointSpec,
): Promise<void> {
  const known = before?.spec.versions ?? {}
  const isNew = (version: VersionSpec): boolean => !isDeepStrictEqual(own(known, version.name), version)
  const isReadAnew = !isDeepStrictEqual(readingOf(before?.spec), readingOf(spec))
  const stable = spec.versions[before?.stable ?? spec.stable]
  const checked = Object.values(spec.versions).filter(version => isNew(version) || isReadAnew || version === stable)
  if (!checked.some(isNew) && !isReadAnew) return
  const interfaces: Interface[] = []
  for (const version of checked) {
    const metadata = await checkVersion(around, version)
    if (metadata !== null) interfaces.push({ version: version.name, metadata })
  }
  const served = interfaces.find(one => one.version === stable?.name)
  const problems = interfaces.flatMap(one => [
    ...missingAnswer(one, spec),
    ...missingFeatures(one, spec),
    ...(served === undefined ? [] : misfits(served, one)),
  ])
  refuse(problems, 'invalid-resource', `endpoint ${spec.name} cannot become this`)
}

/** What is read of answers and requests. */
function readingOf(spec: EndpointSpec | undefined) {
  return { answer: spec?.answer, features: spec?.features }
}

/** The deployer speaks of the version alone; the document's author needs the path from its top. */
export async function checkVersion(
  { deployer }: Pick<Surroundings, 'deployer'>,
  version: VersionSpec,
): Promise<ModelMetadata | null> {
  try {
    return await deployer.check(version)
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error
    const problems = error.problems.map(problem => ({ ...problem, path: `versions.${version.name}.${problem.path}` }))
    throw new CutoverError(error.code, error.message, problems, error)
  }
}
