/** Paths at which two plain documents differ, with both values. */
export type Difference = { path: string; before: unknown; after: unknown }

export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (Object.is(before, after)) return []
  if (!isBranch(before) || !isBranch(after)) {
    return isBranch(after) && before === undefined && path === ''
      ? branches({}, after, path)
      : [{ path, before: before ?? null, after: after ?? null }]
  }
  return branches(before, after, path)
}

type Branch = Readonly<Record<string, unknown>>

function branches(before: Branch, after: Branch, path: string): Difference[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap(key => differences(before[key], after[key], path === '' ? key : `${path}.${key}`))
}

function isBranch(value: unknown): value is Branch {
  return typeof value === 'object' && value !== null
}
