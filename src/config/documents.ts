/**
 * From text to plain documents: YAML or JSON, several per file. Only the notation is judged here; what the documents
 * mean is judged by the contract. Keeps where each document stands, so that a fault can be shown with its line.
 */
import {
  type Document,
  isCollection,
  isMap,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  visit,
} from 'yaml'
import { CutoverError, type Problem } from '../core/errors.ts'

export type SourcedDocument = {
  value: unknown
  /** The file's name, or `-` for standard input. */
  source: string
  /** Where the document begins, from 1. */
  line: number
  /** The line of a path such as `stages[0].canary.steps[1]`, or of the nearest enclosing value that exists. */
  lineOf(path: string): number
}

/** Aliases may multiply what a document holds; more than this many are refused. */
const aliasesMax = 100

/** Throws invalid-resource with the line and column of every fault: bad notation, duplicate keys, unknown tags. */
export function parseDocuments(text: string, options: { source: string }): SourcedDocument[] {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: 'error',
  })
  const documents = Array.isArray(parsed) ? parsed : []
  const problems = documents
    .flatMap(document => [...document.errors, ...document.warnings, ...infinities(document)])
    .map(fault => {
      const { line, col } = lines.linePos(fault.pos[0])
      return { path: `${options.source}:${line}:${col}`, message: withoutPosition(fault.message) }
    })
  if (problems.length > 0) throw invalid(options.source, problems)
  return documents
    .filter(document => document.contents !== null)
    .flatMap(document => toSourced(document, lines, options))
}

/** JSON has no word for them: on the way to a server, and in its log, they would become null. */
function infinities(document: Document.Parsed): { pos: [number]; message: string }[] {
  const found: { pos: [number]; message: string }[] = []
  visit(document, {
    Scalar: (_, { value, range }) => {
      if (typeof value === 'number' && !Number.isFinite(value))
        found.push({ pos: [range?.[0] ?? 0], message: `${value} is no number that JSON has` })
    },
  })
  return found
}

function toSourced(document: Document.Parsed, lines: LineCounter, { source }: { source: string }): SourcedDocument[] {
  const value = toValue(document, lines, source)
  const root = document.contents
  const lineAt = (node: Node | null) => lines.linePos(node?.range?.[0] ?? 0).line
  // A JSON array of documents is several documents, as in a request to the API.
  if (Array.isArray(value) && isSeq(root)) {
    return root.items.map((item, index) => sourced(value[index], item as Node, { source, lineAt }))
  }
  return value === null ? [] : [sourced(value, root, { source, lineAt })]
}

function sourced(
  value: unknown,
  root: Node | null,
  at: { source: string; lineAt: (node: Node | null) => number },
): SourcedDocument {
  return { value, source: at.source, line: at.lineAt(root), lineOf: path => at.lineAt(nearestNode(root, path)) }
}

function toValue(document: Document.Parsed, lines: LineCounter, source: string): unknown {
  try {
    return document.toJS({ maxAliasCount: aliasesMax })
  } catch (error) {
    const { line, col } = lines.linePos(document.range[0])
    const message = error instanceof Error ? error.message : String(error)
    throw invalid(source, [{ path: `${source}:${line}:${col}`, message }])
  }
}

function invalid(source: string, problems: readonly Problem[]): CutoverError {
  const name = source === '-' ? 'standard input' : source
  return new CutoverError('invalid-resource', `${name} is not valid YAML or JSON`, problems)
}

function withoutPosition(message: string): string {
  return message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message
}

/** Names may hold dots, so the path is followed along the keys that are there, the longest first. */
function nearestNode(root: Node | null, path: string): Node | null {
  let node = root
  let rest = path
  while (rest !== '' && isCollection(node)) {
    const next: { node: Node; rest: string } | null = isMap(node)
      ? intoMap(node.items, rest)
      : intoSeq(node.items, rest)
    if (next === null) return node
    node = next.node
    rest = next.rest
  }
  return node
}

function intoMap(
  items: readonly { key: unknown; value: unknown }[],
  path: string,
): { node: Node; rest: string } | null {
  const keys = items
    .map(({ key, value }) => ({ key: key as ParsedNode, text: String(key), value: value as Node | null }))
    .filter(({ text }) => path === text || path.startsWith(`${text}.`) || path.startsWith(`${text}[`))
    .toSorted((a, b) => b.text.length - a.text.length)
  const found = keys[0]
  if (found === undefined) return null
  const rest = path.slice(found.text.length).replace(/^\./, '')
  // The last step shows the key's line: the value of a block mapping begins on the line below.
  return { node: rest === '' || found.value === null ? found.key : found.value, rest: found.value === null ? '' : rest }
}

function intoSeq(items: readonly unknown[], path: string): { node: Node; rest: string } | null {
  const match = /^\[(\d+)\]\.?/.exec(path)
  const item = match === null ? undefined : items[Number(match[1])]
  if (match === null || item === undefined) return null
  return { node: item as Node, rest: path.slice(match[0].length) }
}
