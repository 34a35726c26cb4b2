import { isDeepStrictEqual } from 'node:util'
import { compileResource, validateResource } from '../../../src/config/compile.ts'
import { CutoverError } from '../../../src/core/errors.ts'
import { type CompiledFlags, compileFlags } from '../../../src/core/flags/compile-flags.ts'
import { evaluate } from '../../../src/core/flags/evaluate.ts'
import type { Context } from '../../../src/core/flags/evaluation.ts'
import { flagApplied, noFlags } from '../../../src/core/flags/flags-state.ts'
import { drawFlags } from '../flag-documents.ts'
import type { Fuzzer } from '../fuzzer.ts'

const word = { actor: 'fuzz', note: null, atMs: 0 }
const timesMs = [0, Date.parse('2026-03-15T00:00:00Z'), Date.parse('2026-05-01T09:00:00Z')]

/** A document that is refused without a word, a flag that throws whatever the context, or that says two things to one question. */
export const flags: Fuzzer = {
  name: 'flags',
  make: drawFlags,
  check: input => {
    const parsed = parse(input)
    if (parsed === null) return null
    const compiled = compileAll(parsed.documents)
    for (const context of parsed.contexts.filter(isObject))
      for (const nowMs of timesMs) {
        const fault = evaluationFault(compiled, context, nowMs)
        if (fault !== null) return fault
      }
    return null
  },
}

/** Those that are right, on one another. */
function compileAll(documents: readonly unknown[]): CompiledFlags {
  let state = noFlags
  for (const document of documents)
    try {
      const resource = compileResource(validateResource(document))
      if (resource.kind === 'Flag') state = flagApplied(state, resource.spec, word)
    } catch (thrown) {
      if (!(thrown instanceof CutoverError)) throw thrown
    }
  return compileFlags(state)
}

function evaluationFault(compiled: CompiledFlags, context: Context, nowMs: number): string | null {
  for (const name of [...compiled.names, 'none']) {
    const once = evaluate(compiled, name, context, nowMs)
    if (!isDeepStrictEqual(once, evaluate(compiled, name, context, nowMs))) return `${name} says two things`
    const variants = compiled.flags.get(name)?.spec.variants ?? {}
    if (once.variant !== null && !Object.hasOwn(variants, once.variant)) return `${name} has no variant ${once.variant}`
    if ((once.errorCode !== null) !== (once.reason === 'ERROR')) return `${name}: ${JSON.stringify(once)}`
  }
  return null
}

function parse(input: Buffer): { documents: unknown[]; contexts: unknown[] } | null {
  try {
    const { documents, contexts } = JSON.parse(input.toString()) as Record<string, unknown>
    return Array.isArray(documents) && Array.isArray(contexts) ? { documents, contexts } : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Context {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
