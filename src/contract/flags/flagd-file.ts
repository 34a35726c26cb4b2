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
  for (const key of ['$evaluators', 'metadata']) objectRule(file[key], key, report)
  const shared = {
    evaluators: objectOf(file['$evaluators']),
    metadata: objectOf(file['metadata']),
    report,
    budget: { left: sharedValuesMax },
  }
  const documents = Object.entries(flags).map(([name, flag]) => ({ name, document: documentOf(name, flag, shared) }))
  return { documents, faults }
}

function objectOf(value: unknown): Loose {
  return isObject(value) ? value : {}
}

type Report = (fault: Fault) => void

/** What may be left out, or null. */
function objectRule(value: unknown, path: string, report: Report): void {
  if (value !== undefined && value !== null && !isObject(value))
    report({ path, message: 'is not an object', value, allowed: ['an object'] })
}

type Shared = { evaluators: Loose; metadata: Loose; report: Report; budget: Budget }

const known = ['state', 'variants', 'defaultVariant', 'targeting', 'metadata', 'source', 'selector']

function documentOf(name: string, flag: unknown, shared: Shared): Loose {
  const { metadata, report } = shared
  const path = `flags.${name}`
  if (!isObject(flag)) report({ path, message: 'is not an object', value: flag })
  const { state, variants, defaultVariant, targeting, metadata: own } = objectOf(flag)
  for (const key of Object.keys(objectOf(flag)).filter(one => !known.includes(one)))
    report({ path: `${path}.${key}`, message: 'is not a known key', allowed: known })
  if (state !== 'ENABLED' && state !== 'DISABLED')
    report({ path: `${path}.state`, message: 'is not a state', value: state, allowed: ['ENABLED', 'DISABLED'] })
  if (!isObject(variants))
    report({ path: `${path}.variants`, message: 'is not an object of variants', value: variants })
  if (defaultVariant !== undefined && defaultVariant !== null && typeof defaultVariant !== 'string')
    report({
      path: `${path}.defaultVariant`,
      message: 'is not the name of a variant',
      value: defaultVariant,
      allowed: Object.keys(objectOf(variants)),
    })
  objectRule(targeting, `${path}.targeting`, report)
  objectRule(own, `${path}.metadata`, report)
  const isTargeted = isObject(targeting) && Object.keys(targeting).length > 0
  return {
    kind: 'Flag',
    name,
    type: typeOfVariants(objectOf(variants)),
    variants: objectOf(variants),
    enabled: state !== 'DISABLED',
    // A switched-off flag of flagd leaves everybody to the value in the code.
    off: null,
    ...(typeof defaultVariant === 'string' && defaultVariant !== '' && { serve: defaultVariant }),
    ...(isTargeted && { targeting: whole(targeting, `${path}.targeting`, shared) }),
    metadata: { ...metadata, ...objectOf(own) },
  }
}

/** Of the first variant; the contract says which of the others are of another type. */
function typeOfVariants(variants: Loose): unknown {
  const [first = true] = Object.values(variants)
  return typeof first
}

/** Values that a file's references may put in, and levels of an expression with them: far more than any evaluated one has. */
const sharedValuesMax = 1_000_000
const levelsMax = 500

type Budget = { left: number }

/** The expression with what it refers to. */
function whole(targeting: Loose, path: string, { evaluators, report, budget }: Shared): unknown {
  const hadLeft = budget.left > 0
  let isDeep = false
  const expression = withParts(targeting, {
    budget,
    level: 0,
    path: [],
    deep: () => {
      isDeep = true
    },
    circle: ref => report({ path: `$evaluators.${ref}`, message: 'refers to itself' }),
    resolve: ref => {
      if (Object.hasOwn(evaluators, ref)) return evaluators[ref]
      const allowed = Object.keys(evaluators).map(one => `$evaluators.${one}`)
      report({ path, message: `refers to ${ref}`, allowed })
      return null
    },
  })
  if (hadLeft && budget.left <= 0)
    report({ path, message: 'is too large with its references', allowed: [`${sharedValuesMax} values in all flags`] })
  if (isDeep)
    report({ path, message: 'is nested too deeply with its references', allowed: [`up to ${levelsMax} levels`] })
  return expression
}

type Parts = {
  budget: Budget
  level: number
  /** The references that led here. */
  path: readonly string[]
  deep: () => void
  circle: (ref: string) => void
  resolve: (ref: string) => unknown
}

/** `{"$ref": NAME}` is replaced by what `$evaluators` holds, parts of parts too: those that name others twice double at every step. */
function withParts(expression: unknown, parts: Parts): unknown {
  const { budget, level, path } = parts
  if (path.length > 0) budget.left -= 1
  if (budget.left <= 0) return null
  if (level > levelsMax) {
    parts.deep()
    return null
  }
  const inner = { ...parts, level: level + 1 }
  if (Array.isArray(expression)) return expression.map(one => withParts(one, inner))
  if (!isObject(expression)) return expression
  const ref = expression['$ref']
  if (typeof ref !== 'string')
    return Object.fromEntries(Object.entries(expression).map(([key, value]) => [key, withParts(value, inner)]))
  if (path.includes(ref)) {
    parts.circle(ref)
    return null
  }
  return withParts(parts.resolve(ref), { ...inner, path: [...path, ref] })
}
