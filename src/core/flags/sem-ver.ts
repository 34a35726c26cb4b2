/** Semantic versions as callers write them: a leading v and missing parts are forgiven, build metadata is ignored. */
import semver from 'semver'

export type SemVer = semver.SemVer

/** Null for what is no version. */
export function parseVersion(raw: unknown): SemVer | null {
  const text = String(raw).replace(/^[vV]/, '')
  const strict = semver.parse(text)
  if (strict !== null) return strict
  // Only what looks like the beginning of a version: `coerce` would find one in almost anything.
  return /^\d+(\.\d+)?$/.test(text) ? semver.coerce(text) : null
}

export function isVersionRange(text: string): boolean {
  return text.trim() !== '' && semver.validRange(text) !== null
}

/** Whether a version is in a range; pre-releases are ordered like any other version. */
export function versionTest(range: string): (value: unknown) => boolean {
  const compiled = new semver.Range(range, { includePrerelease: true })
  return value => {
    if (typeof value !== 'string' && typeof value !== 'number') return false
    const version = parseVersion(value)
    return version !== null && compiled.test(version)
  }
}

/** flagd's `sem_ver`: null where a part cannot be read. */
export function compareVersions(left: unknown, operator: string, right: unknown): boolean | null {
  const a = parseVersion(left)
  const b = parseVersion(right)
  if (a === null || b === null) return null
  const order = semver.compare(a, b)
  switch (operator) {
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
    case '^':
      return a.major === b.major
    case '~':
      return a.major === b.major && a.minor === b.minor
    default:
      return null
  }
}
