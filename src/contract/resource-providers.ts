/** How a version of OpenAI's style is spoken to: the model's name there, fields with secrets, prices. */
import { z } from 'zod'
import { headerName } from './request-parts.ts'
import { object } from './resource-parts.ts'
import { allowedMark, asObject, exactlyOne, isObject, type Loose, type Report, withRule } from './resource-rules.ts'
import { parsePrice, pricePattern } from './units.ts'

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, `is not the name of a variable${allowedMark}OPENAI_KEY`)

/** What HTTP lets a value of a field have, without space at its ends. */
const fieldText = z
  .string()
  .regex(/^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/, 'is not a value of a header field')

const secretShape = object({
  env: variable.optional().meta({ description: "Variable of the server's environment that holds it." }),
  file: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'File that holds it and nothing else; read again when it changes.' }),
  prefix: z
    .string()
    .regex(/^[\x20-\x7e]*$/, 'is not text of a header field')
    .default('')
    .meta({ description: 'What comes before the secret, such as `Bearer `.' }),
})

const secretValue = withRule(secretShape, (value, report) => exactlyOne(value, ['env', 'file'], report))

export const addedHeaders = z.record(headerName, z.union([fieldText, secretValue])).meta({
  description:
    'Fields that this version gets in place of those that callers send. A text is shown to everybody; a secret is named by `env` or `file` and shown to nobody.',
})

const notPrice = `is not a price${allowedMark}2.5/1M, 0.0005/1K`

const price = z
  .union([
    z
      .string()
      .regex(pricePattern, notPrice)
      .refine(text => parsePrice(text) !== null, notPrice),
    z.number().min(0),
  ])
  .meta({ description: 'Per so many tokens: 2.5/1M; a number is the price of one.' })

export const prices = object({
  input: price,
  output: price.default(0),
  'cached-input': price.optional().meta({ description: 'Of input that was in the provider’s cache; as other input.' }),
})

/** Fields of the connection and of framing, and those that the gateway writes itself. */
const notAdded: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['content-length', 'content-encoding', 'host', 'expect', 'via', 'x-forwarded-for'],
])

/** Fields whose values are secrets wherever they are used. */
const secretFields: ReadonlySet<string> = new Set([
  ...['authorization', 'proxy-authorization', 'cookie', 'api-key', 'x-api-key', 'x-goog-api-key'],
])

export function addedHeadersRule(version: Loose, report: Report): void {
  const seen = new Set<string>()
  for (const [name, value] of Object.entries(asObject(version['headers']))) {
    const lower = name.toLowerCase()
    if (seen.has(lower)) report(['headers', name], 'is there twice: names of header fields have no case')
    seen.add(lower)
    if (notAdded.has(lower) || lower.startsWith('x-cutover-'))
      report(['headers', name], 'is written by the gateway itself')
    if (secretFields.has(lower) && typeof value === 'string')
      report(
        ['headers', name],
        'is a secret, which must not stand in a file that everybody sees',
        '{ env: NAME }, { file: PATH }',
      )
  }
}

/** What only makes sense in OpenAI's style, and what does not make sense there. */
export function providerRule(endpoint: Loose, report: Report): void {
  const { protocol } = endpoint
  const isOpenAi = protocol === 'openai'
  if (isOpenAi) speedRule(endpoint, report)
  const versions = Object.entries(asObject(endpoint['versions'])).map(([name, one]) => ({
    at: ['versions', name],
    one,
  }))
  const template = { at: ['registry', 'version'], one: asObject(endpoint['registry'])['version'] }
  for (const { at, one: version } of [...versions, template].filter(({ one }) => isObject(one))) {
    const has = (key: string) => asObject(version)[key] !== undefined
    if (has('onnx') && (isOpenAi || protocol === 'tensorflow-serving'))
      report([...at, 'onnx'], `an ONNX model does not speak ${protocol}`, 'command, url')
    if (isOpenAi) continue
    for (const key of ['model', 'price', 'stream-usage'].filter(has))
      report([...at, key], `is of the protocol openai; this endpoint speaks ${String(protocol)}`)
  }
}

/** A quantile is better where it is lower, which speed is not. */
function speedRule(endpoint: Loose, report: Report): void {
  for (const [name, metric] of Object.entries(asObject(endpoint['metrics']))) {
    const { type, of } = asObject(metric)
    if (type !== 'quantile' || of !== 'tokens-per-second') continue
    report(['metrics', name, 'of'], 'a quantile is better where it is lower', 'time-to-first-token-ms; a mean of this')
  }
}
