/** Addresses of the pages of flags, and of the API behind them. */

export const flagPath = (name: string) => `/flags/${encodeURIComponent(name)}`
export const segmentPath = (name: string) => `/flags/segments/${encodeURIComponent(name)}`

/** Of what stands in an address: the router leaves some of it encoded, and names have no % of their own. */
export function nameOf(part: string | undefined): string {
  try {
    return decodeURIComponent(part ?? '')
  } catch {
    return part ?? ''
  }
}

export const flagsApi = '/api/v1/flags'
export const segmentsApi = '/api/v1/segments'

export function ofFlag(name: string, what = ''): string {
  return `${flagsApi}/${encodeURIComponent(name)}${what === '' ? '' : `/${what}`}`
}

export function ofSegment(name: string, what = ''): string {
  return `${segmentsApi}/${encodeURIComponent(name)}${what === '' ? '' : `/${what}`}`
}
