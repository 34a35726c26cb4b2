/**
 * flagd's flag files (https://flagd.dev/reference/flag-definitions/) as Flag documents. Targeting stays the expression that
 * it is, with its shared parts put in, so that everybody keeps the variant they have.
 */
import { isObject, type Loose } from '../resource-rules.ts'

type Fault = { path: string; message: string; value?: unknown; allowed?: readonly string[] }

export type FlagdImport = { documents: { name: string; document: Loose }[]; faults: Fault[] }

export function readFlagdFile(file: unknown): FlagdImport {
  const flags = isObject(file) ? file['flags'] : undefined
  if (!isObject(file) || !isObject(flags))
    return { documents: [], faults: [{ path: 'flags', message: 'is missing', allowed: ['{"flags": {"KEY": {…}}}'] }] }
  const faults: Fault[] = []
  const report = (fault: Fault): void => {
    faults.push(fault)
  }
  const shared = { evaluators: objectOf(file['$evaluators']), metadata: objectOf(file['metadata']), report }
  const documents = Object.entries(flags).map(([name, flag]) => ({ name, document: documentOf(name, flag, shared) }))
  return { documents, faults }
}

function objectOf(value: unknown): Loose {
  return isObject(value) ? value : {}
}

type Shared = { evaluators: Loose; metadata: Loose; report: (fault: Fault) => void }

const known = ['state', 'variants', 'defaultVariant', 'targeting', 'metadata', 'source', 'selector']

function documentOf(name: string, flag: unknown, { evaluators, metadata, report }: Shared): Loose {
  const path = `flags.${name}`
  if (!isObject(flag)) report({ path, message: 'is not an object', value: flag })
  const { state, variants, defaultVariant, targeting, metadata: own } = objectOf(flag)
  for (const key of Object.keys(objectOf(flag)).filter(one => !known.includes(one)))
    report({ path: `${path}.${key}`, message: 'is not a known key', allowed: known })
  if (state !== 'ENABLED' && state !== 'DISABLED')
    report({ path: `${path}.state`, message: 'is not a state', value: state, allowed: ['ENABLED', 'DISABLED'] })
  if (!isObject(variants))
    report({ path: `${path}.variants`, message: 'is not an object of variants', value: variants })
  const resolve = (ref: string): unknown => {
    if (Object.hasOwn(evaluators, ref)) return evaluators[ref]
    report({
      path: `${path}.targeting`,
      message: `refers to ${ref}`,
      allowed: Object.keys(evaluators).map(one => `$evaluators.${one}`),
    })
    return null
  }
  const isTargeted = isObject(targeting) && Object.keys(targeting).length > 0
  const circle = (ref: string) => report({ path: `$evaluators.${ref}`, message: 'refers to itself' })
  return {
    kind: 'Flag',
    name,
    type: typeOfVariants(objectOf(variants)),
    variants: objectOf(variants),
    enabled: state !== 'DISABLED',
    // A switched-off flag of flagd leaves everybody to the value in the code.
    off: null,
    ...(typeof defaultVariant === 'string' && defaultVariant !== '' && { serve: defaultVariant }),
    ...(isTargeted && { targeting: withParts(targeting, { resolve, circle, path: [] }) }),
    metadata: { ...metadata, ...objectOf(own) },
  }
}

/** Of the first variant; the contract says which of the others are of another type. */
function typeOfVariants(variants: Loose): unknown {
  const [first = true] = Object.values(variants)
  return typeof first
}

type Parts = { resolve: (ref: string) => unknown; circle: (ref: string) => void; path: readonly string[] }

/** The expression with `{"$ref": NAME}` replaced by what `$evaluators` holds, parts of parts too. */
function withParts(expression: unknown, parts: Parts): unknown {
  if (Array.isArray(expression)) return expression.map(one => withParts(one, parts))
  if (!isObject(expression)) return expression
  const ref = expression['$ref']
  if (typeof ref !== 'string')
    return Object.fromEntries(Object.entries(expression).map(([key, value]) => [key, withParts(value, parts)]))
  if (parts.path.includes(ref)) {
    parts.circle(ref)
    return null
  }
  return withParts(parts.resolve(ref), { ...parts, path: [...parts.path, ref] })
}
