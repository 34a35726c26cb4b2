const apiPrefix = '/v1'

/**
 * Servers in OpenAI's style are named by the base address that a client would be given, version of the API included: its path
 * takes the place of `/v1`.
 */
export function providerPath(path: string): string {
  return path.startsWith(`${apiPrefix}/`) ? path.slice(apiPrefix.length) : path
}
