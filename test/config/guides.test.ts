import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { compileResource, validateResource } from '../../src/config/compile.ts'
import { compileScenario, validateScenario } from '../../src/config/compile-scenario.ts'
import { isServerDocument } from '../../src/config/server-document.ts'
import { metricTypes } from '../../src/contract/metric-names.ts'
import { resolvePaths } from '../../src/contract/resource-paths.ts'
import type { Resource } from '../../src/contract/resources.ts'
import { serverDocument } from '../../src/contract/server.ts'

const folder = 'docs/guides'

/** The documents of a guide that are whole resources; fragments have no kind. */
function resourcesOf(guide: string): unknown[] {
  const text = readFileSync(join(folder, guide), 'utf8')
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  return blocks.flatMap(block => parseAllDocuments(block).map(document => document.toJS() as unknown)).filter(hasKind)
}

function hasKind(document: unknown): boolean {
  return typeof document === 'object' && document !== null && 'kind' in document
}

function isScenario(document: unknown): boolean {
  return (document as { kind: unknown }).kind === 'Scenario'
}

const files = [...readdirSync(folder), '../strategies.md'].flatMap(guide =>
  resourcesOf(guide).map((resource, index) => ({ guide, index, resource })),
)

describe('the guides', () => {
  it.each(files)('show files that are valid: $guide, document $index', ({ resource }) => {
    if (isServerDocument(resource)) {
      expect(serverDocument.safeParse(resource).error).toBeUndefined()
      return
    }
    if (isScenario(resource)) {
      expect(() => compileScenario(validateScenario(resource))).not.toThrow()
      return
    }
    const valid: Resource = validateResource(resource)
    expect(() => compileResource(resolvePaths(valid, '/models') as Resource)).not.toThrow()
  })

  it('tell every type of metric', () => {
    const text = readFileSync(join(folder, 'metrics.md'), 'utf8')
    expect(metricTypes.filter(type => !text.includes(`\`${type}\``))).toEqual([])
  })
})
