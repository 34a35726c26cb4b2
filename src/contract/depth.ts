/** How deep JSON may be nested: what reads it goes down by calls, of which there is no more room than for some thousands. */

/** Of the value of a variant; as deep as a targeting expression may be: a test holds it to that. */
export const valueDepthMax = 60

/** Whether lists and objects stand in one another more than so many times. Read level by level, so that no depth is too much. */
export function isDeeper(value: unknown, levels: number): boolean {
  let level = containersIn([value])
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > levels) return true
    level = level.flatMap(container => containersIn(Object.values(container)))
  }
  return false
}

function containersIn(values: readonly unknown[]): object[] {
  return values.filter((value): value is object => typeof value === 'object' && value !== null)
}
