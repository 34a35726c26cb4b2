/** Names of endpoints, versions and metrics: what goes into paths, headers, files and metric labels without quoting. */
import { limits } from './limits.ts'

export const namePattern = /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i

export function isName(text: string): boolean {
  return text.length <= limits.nameLengthMax && namePattern.test(text)
}
