/** Whose requests a release is of: rules over what callers send, of which one must fit. */

/** The value of a header or a cookie, and which values fit. */
export type ScopeRule = {
  source: { from: 'header' | 'cookie'; name: string }
  fits: { kind: 'in'; values: readonly string[] } | { kind: 'prefix'; prefix: string }
}

/** Of the table: requests that no rule fits are answered by `outside`. */
export type Scope = { rules: readonly ScopeRule[]; outside: string }

/** How a rule reads a request; header names are in lower case. */
export type ScopeReader = { header(name: string): string | undefined; cookie(name: string): string | undefined }

/** `header x-tenant in acme, globex`. */
export function scopeText({ source, fits }: ScopeRule): string {
  const values = fits.kind === 'in' ? `in ${fits.values.join(', ')}` : `begins with ${fits.prefix}`
  return `${source.from} ${source.name} ${values}`
}

/** The rules as one question, made once per table. */
export function compileScope(rules: readonly ScopeRule[]): (request: ScopeReader) => boolean {
  const tests = rules.map(({ source, fits }) => {
    const name = source.from === 'header' ? source.name.toLowerCase() : source.name
    const isFit = compileFit(fits)
    return (request: ScopeReader): boolean => {
      const value = source.from === 'header' ? request.header(name) : request.cookie(name)
      return value !== undefined && isFit(value)
    }
  })
  return request => tests.some(test => test(request))
}

function compileFit(fits: ScopeRule['fits']): (value: string) => boolean {
  if (fits.kind === 'prefix') return value => value.startsWith(fits.prefix)
  const values = new Set(fits.values)
  return value => values.has(value)
}
