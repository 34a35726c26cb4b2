/**
 * Pages of other origins (Fetch standard, CORS protocol): which fields an answer gets so that a browser shows it to the page
 * that asked. It protects no server, since only browsers obey; keys do that.
 */

/** `origins` and `methods` are exact, or the one entry `*`. */
export type CorsRule = {
  origins: readonly string[]
  methods: readonly string[]
  /** Lower-case names of request fields that pages may set; `*` for any. */
  headers: readonly string[]
  /** Names of answer fields that pages may read. */
  exposed: readonly string[]
  /** Whether cookies and client certificates go with requests; never with `*`. */
  credentials: boolean
  maxAgeSeconds: number
}

export type CorsRequest = {
  method: string
  origin: string | undefined
  /** `access-control-request-method` and `-headers`. */
  requestMethod: string | undefined
  requestHeaders: string | undefined
}

/** Fields: name, value, name, value … A preflight is answered with these alone; any other answer gets them added. */
export type CorsAnswer = { preflight: boolean; fields: readonly string[] }

export function corsAnswer(rule: CorsRule, request: CorsRequest): CorsAnswer {
  const { origin, method, requestMethod } = request
  if (origin === undefined) return { preflight: false, fields: vary(rule) }
  const preflight = method === 'OPTIONS' && requestMethod !== undefined
  if (!allowsOrigin(rule, origin)) return { preflight, fields: vary(rule) }
  const fields = [...originFields(rule, origin), ...vary(rule)]
  return {
    preflight,
    fields: preflight ? [...fields, ...preflightFields(rule, request)] : [...fields, ...exposed(rule)],
  }
}

function allowsOrigin({ origins }: CorsRule, origin: string): boolean {
  return origins.includes('*') || origins.includes(origin)
}

function originFields({ origins, credentials }: CorsRule, origin: string): string[] {
  if (origins.includes('*')) return ['access-control-allow-origin', '*']
  const allowed = ['access-control-allow-origin', origin]
  return credentials ? [...allowed, 'access-control-allow-credentials', 'true'] : allowed
}

/** Caches must not hand one origin's answer to another one. */
function vary({ origins }: CorsRule): string[] {
  return origins.includes('*') ? [] : ['vary', 'Origin']
}

/** What is not allowed is left out, which is how a browser is told no. */
function preflightFields(rule: CorsRule, { requestMethod = '', requestHeaders = '' }: CorsRequest): string[] {
  const { methods, headers, maxAgeSeconds } = rule
  const asked = requestHeaders
    .split(',')
    .map(name => name.trim().toLowerCase())
    .filter(name => name !== '')
  const allowed = headers.includes('*') ? asked.filter(isToken) : asked.filter(name => headers.includes(name))
  return [
    ...(methods.includes('*') || methods.includes(requestMethod)
      ? [
          'access-control-allow-methods',
          methods.includes('*') && isToken(requestMethod) ? requestMethod : methods.join(', '),
        ]
      : []),
    ...(allowed.length > 0 ? ['access-control-allow-headers', allowed.join(', ')] : []),
    ...['access-control-max-age', String(maxAgeSeconds)],
  ]
}

/** What a caller says is repeated only where it is the name of a field or method (RFC 9110, 5.6.2). */
function isToken(text: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(text)
}

function exposed({ exposed: names }: CorsRule): string[] {
  return names.length === 0 ? [] : ['access-control-expose-headers', names.join(', ')]
}
