/**
 * Expressions in CEL, the Common Expression Language: no loops, no effects, nothing of the host is in reach. Fields:
 * `prediction.latencyMs`, `.status`, `.answer`, `.scores`, `.measures`; `outcome.label`, `.reward`, `.metrics`.
 */
import { Environment } from '@marcbachmann/cel-js'
import { CutoverError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Row } from '../../core/metrics/observe.ts'
import type { Expressions } from '../../ports/expressions.ts'

export function createExpressions(): Expressions {
  // Numbers compare and compute with each other whether they are written 1 or 1.0, as readers expect.
  const environment = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    limits: {
      maxAstNodes: limits.expressionNodesMax,
      maxDepth: limits.expressionDepthMax,
      maxListElements: limits.expressionNodesMax,
      maxMapEntries: limits.expressionNodesMax,
      maxCallArguments: limits.expressionNodesMax,
    },
  })
    .registerVariable('prediction', 'map')
    .registerVariable('outcome', 'map')
  addMixedArithmetic(environment)
  return {
    compile(text) {
      if (text.length > limits.expressionLengthMax)
        refuse(text, `it is ${text.length} characters long, and ${limits.expressionLengthMax} are allowed`)
      const program = parse(environment, text)
      return row => {
        try {
          return numberOf(program(fieldsOf(row)))
        } catch {
          // A row without the field that is asked for has no value.
          return null
        }
      }
    },
  }
}

/** CEL keeps 2 and 2.0 apart; whoever writes `outcome.reward * 2` means the number. */
function addMixedArithmetic(environment: Environment): void {
  const operators: Readonly<Record<string, (a: number, b: number) => number>> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  }
  for (const [sign, compute] of Object.entries(operators)) {
    const run = (a: number | bigint, b: number | bigint) => compute(Number(a), Number(b))
    environment.registerOperator(`double ${sign} int`, run)
    environment.registerOperator(`int ${sign} double`, run)
  }
}

function parse(environment: Environment, text: string): (fields: Record<string, unknown>) => unknown {
  try {
    const program = environment.parse(text)
    const checked = program.check()
    if (!checked.valid) refuse(text, checked.error?.message ?? 'it cannot be evaluated')
    return fields => program(fields)
  } catch (error) {
    if (error instanceof CutoverError) throw error
    return refuse(text, error instanceof Error ? error.message : String(error))
  }
}

function refuse(text: string, reason: string): never {
  const message = `is not an expression that can be run: ${reason}`
  throw new CutoverError('invalid-resource', `the expression \`${text.slice(0, 100)}\` ${message}`, [
    { path: 'expression', message, value: text.slice(0, 100), allowed: ['CEL over `prediction` and `outcome`'] },
  ])
}

function fieldsOf({ latencyMs, status, predicted, scores, measures = {}, values }: Row): Record<string, unknown> {
  return {
    prediction: { latencyMs, status, answer: predicted, scores, measures },
    outcome: { label: values.label, reward: values.reward, metrics: values.metrics },
  }
}

function numberOf(value: unknown): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : null
}
