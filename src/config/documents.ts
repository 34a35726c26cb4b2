/** YAML or JSON text with one or several documents. */
import { isAlias, LineCounter, parseAllDocuments, visit } from 'yaml'
import { CutoverError, type Problem } from '../core/errors.ts'

/** Throws 'invalid-resource' with line and column of every fault; empty documents are passed over. */
export function parseDocuments(text: string, source: string): unknown[] {
  const lineCounter = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: true, version: '1.2' })
  if (!Array.isArray(documents)) return []
  const problems: Problem[] = documents.flatMap(document =>
    document.errors.map(error => {
      const { line, col } = lineCounter.linePos(error.pos[0])
      return {
        path: `${source}:${line}:${col}`,
        message: error.message.split('\n')[0]?.replace(/ at line .*$/, '') ?? '',
      }
    }),
  )
  if (problems.length > 0) {
    throw new CutoverError(
      'invalid-resource',
      `${source} is not valid YAML: ${problems.map(one => `${one.path}: ${one.message}`).join('; ')}`,
      problems,
    )
  }
  return documents
    .map(document => {
      visit(document, node => {
        if (isAlias(node))
          throw new CutoverError(
            'invalid-resource',
            `${source}: YAML aliases are not allowed here; write the value out`,
          )
      })
      return document.toJS() as unknown
    })
    .filter(document => document !== null && document !== undefined)
}
