/**
 * The document of the server's own settings: `kind: Server` in the file that `serve` is given. It is read at start and is no
 * resource: applying it to a running server would change nothing.
 */
import { z } from 'zod'
import { duration, object, percent, webAddress } from './resource-parts.ts'
import { allowedMark, type Loose, type Report, withRule } from './resource-rules.ts'

const file = (description: string) => z.string().min(1).meta({ description })

const tls = object({
  cert: file('PEM file of the certificate and those that lead to its authority. Read again when it changes.'),
  key: file('PEM file of its private key.'),
  'client-ca': file(
    'PEM file of the authority whose certificates callers must show (mTLS); nobody is asked for one by default.',
  ).optional(),
}).meta({
  id: 'Tls',
  description: 'TLS of a listener; the files are watched, and swapped without cutting connections.',
})

const notOrigin = `is not an origin${allowedMark}https://app.example.com, http://localhost:3000, *`
const origin = z.string(notOrigin).regex(/^(\*|https?:\/\/[^/\s?#]+)$/, notOrigin)
const notToken = `is not a name of a method or field${allowedMark}POST, content-type, *`
const token = z.string(notToken).regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, notToken)

const corsShape = object({
  origins: z.array(origin).min(1).max(100).meta({ description: 'Origins whose pages may ask, or `*` for any.' }),
  methods: z.array(token).min(1).max(100).default(['GET', 'POST']).meta({ description: 'Methods that pages may use.' }),
  headers: z
    .array(token)
    .max(100)
    .default([
      'authorization',
      'content-type',
      'x-api-key',
      'x-cutover-unit',
      'x-cutover-version',
      'x-cutover-prediction-id',
      // What OpenFeature's provider for browsers asks again with.
      'if-none-match',
      'traceparent',
      'tracestate',
      'baggage',
    ])
    .meta({ description: 'Request fields that pages may set; `*` for any.' }),
  expose: z
    .array(token)
    .max(100)
    .default([
      'x-cutover-prediction-id',
      'x-cutover-version',
      'x-cutover-endpoint',
      'retry-after',
      'etag',
      'x-request-id',
    ])
    .meta({ description: 'Answer fields that pages may read.' }),
  credentials: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether cookies and client certificates go along; not with `*`.' }),
  'max-age': duration.default('10m').meta({ description: 'How long a browser remembers the answer to a preflight.' }),
})

function corsRule(cors: Loose, report: Report): void {
  const any = (key: string) => Array.isArray(cors[key]) && cors[key].includes('*')
  for (const key of ['origins', 'methods', 'headers', 'expose'])
    if (any(key) && (cors[key] as unknown[]).length > 1) report([key], 'has * beside others, which it contains', '*')
  if (cors['credentials'] !== true) return
  for (const key of ['origins', 'headers', 'expose'])
    if (any(key)) report([key], 'cannot be * with credentials: any page could act for its visitors', 'names')
}

const cors = withRule(corsShape, corsRule).meta({
  id: 'Cors',
  description: 'Which pages of other origins may ask (CORS); none by default.',
})

const listener = (what: { port: number; auth: string }) => ({
  host: z.string().min(1).optional().meta({ description: 'Address to listen on; 127.0.0.1 by default.' }),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .meta({ description: `0 takes a free one; ${what.port} by default.` }),
  auth: z.enum(['required', 'none']).optional().meta({ description: what.auth }),
  tls: tls.optional(),
  cors: cors.optional(),
})

const tracing = object({
  otlp: webAddress('http://127.0.0.1:4318/v1/traces').meta({
    description: 'Where spans are sent: a collector that takes OTLP over HTTP in JSON.',
  }),
  sample: percent.default('1%').meta({
    description: 'Share of the requests without a trace that begin one. Requests that bring one are kept as it says.',
  }),
  headers: z
    .record(token, object({ env: z.string().min(1) }))
    .default({})
    .meta({ description: 'Fields for the collector, by name, from variables of the environment.' }),
}).meta({
  id: 'Tracing',
  description:
    'OpenTelemetry spans of requests, calls and copies; without it trace context is passed on and nothing else.',
})

/** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with parameters as libpq has them. */
export function isDatabaseAddress(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, host, pathname } = new URL(text)
  const isPostgres = protocol === 'postgres:' || protocol === 'postgresql:'
  return isPostgres && host !== '' && pathname.length > 1 && isDecodable(pathname)
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== ''
  } catch {
    return false
  }
}

export const serverDocument = object({
  kind: z.literal('Server').meta({ description: 'Always `Server`.' }),
  data: z.string().min(1).optional().meta({ description: 'Folder of the log and the predictions; ./cutover-data.' }),
  database: z
    .string()
    .refine(isDatabaseAddress, `is not the address of a database${allowedMark}postgres://USER@HOST:PORT/DATABASE`)
    .optional()
    .meta({
      description:
        'Database of PostgreSQL for all that must outlive the server, instead of files in `data`; several servers may name it: one serves, the others stand by. The password may be in PGPASSWORD.',
    }),
  advertise: z.string().min(1).optional().meta({
    description:
      'Name or address by which the others that share the database reach this server; by default as it listens, or the address of the machine.',
  }),
  'peer-port': z.int().min(0).max(65_535).optional().meta({
    description:
      'Port on which the gateways of other servers that share the database reach this one while it decides; any free one by default.',
  }),
  'log-level': z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).optional(),
  tracing: tracing.optional(),
  'keep-predictions': duration.optional().meta({
    description:
      'How long predictions are kept, with their bodies and outcomes: 1h at least, for ever by default. What a running release rests on stays longer.',
  }),
  workers: z
    .int()
    .min(0)
    .max(64)
    .optional()
    .meta({ description: 'Gateways in threads of their own, on one port; 0 (none) by default, 1 with a database.' }),
  inference: object({
    ...listener({
      port: 8080,
      auth: '`required`: every request but health checks needs an API key. `none` by default, on loopback only unless `tls.client-ca` asks for certificates.',
    }),
    connections: z.int().min(1).max(100_000).optional().meta({
      description: 'Connections that are open at once; one more is closed at once. 10,000 by default.',
    }),
  }).default({}),
  control: object(
    listener({
      port: 8081,
      auth: '`required`: every request but health checks needs an API key of the role read, operate or admin. `none` by default, on loopback only.',
    }),
  ).default({}),
  grpc: object({
    host: z.string().min(1).optional().meta({ description: 'Address to listen on; 127.0.0.1 by default.' }),
    port: z.int().min(0).max(65_535).meta({ description: '0 takes a free one.' }),
  })
    .optional()
    .meta({
      description: 'Serves the Open Inference Protocol over gRPC too, to whom `inference` lets in; off by default.',
    }),
}).meta({
  id: 'Server',
  description: 'Settings of the server itself, read at start from the file that `serve` is given.',
})

export type ServerDocument = z.output<typeof serverDocument>
export type CorsSettings = z.output<typeof cors>
