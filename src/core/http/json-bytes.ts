import { fieldOf } from './field-lines.ts'

/**
 * The length of the JSON in front of binary tensors (`Inference-Header-Content-Length`); null if the field is not there,
 * or says no length.
 */
export function jsonBytesOf(lines: string): number | null {
  const stated = fieldOf(lines, 'inference-header-content-length')
  return stated !== undefined && /^\d{1,15}$/.test(stated) ? Number(stated) : null
}
