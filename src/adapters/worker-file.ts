/** The address of a worker's file: `.ts` among the sources, `.js` in the compiled package. */
export function workerFile(importerUrl: string, name: string): URL {
  return new URL(`./${name}${importerUrl.endsWith('.ts') ? '.ts' : '.js'}`, importerUrl)
}
