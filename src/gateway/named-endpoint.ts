/** Which endpoint a path names, on every surface that names one there. Names are plain: nothing is decoded, here or later. */

/** What load balancers and orchestrators ask; they have no key, and learn nothing but whether the server is up. */
const open: ReadonlySet<string> = new Set(['/v2/health/live', '/v2/health/ready'])

export function isOpenPath(path: string): boolean {
  return open.has(path)
}

/** Null where no endpoint is meant, or the body names it. */
export function endpointNamedBy(path: string): string | null {
  const [, first = '', second = '', third] = path.split('/', 4)
  if (first === 'endpoints') return second
  if (first === 'v2' && second === 'models') return third ?? null
  // TensorFlow Serving's verbs follow a colon.
  if (first === 'v1' && second === 'models') return third === undefined ? null : (third.split(':', 1)[0] ?? null)
  return null
}
