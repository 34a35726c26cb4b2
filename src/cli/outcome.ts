/** How a command ends: an exit code that scripts rely on, and a fault that says what, where, and what is allowed. */
import type { WireProblem } from '../contract/wire.ts'

export const exit = { done: 0, failed: 1, usage: 2, rolledBack: 3, holds: 4 } as const

export class CliFault extends Error {
  readonly exitCode: number
  readonly problems: NonNullable<WireProblem['problems']>
  readonly code: string

  constructor(detail: string, more: { exitCode: number; code?: string; problems?: WireProblem['problems'] }) {
    super(detail)
    this.exitCode = more.exitCode
    this.code = more.code ?? 'cli'
    this.problems = more.problems ?? []
  }
}

/** Refusals that have nothing to do with what was typed, but with what is going on. */
const circumstances = new Set([
  'release-conflict',
  'release-state',
  'in-use',
  'preflight-refused',
  'not-ready',
  'overloaded',
])

export function faultOf(problem: WireProblem): CliFault {
  const isUsage = problem.status < 500 && !circumstances.has(problem.code)
  const exitCode = isUsage || problem.code === 'not-available-yet' ? exit.usage : exit.failed
  return new CliFault(problem.detail, { exitCode, code: problem.code, problems: problem.problems })
}

/** What, then a line per fault: `path: message (got …; allowed: …)`. */
export function writeFault(fault: CliFault): string {
  const lines = fault.problems.map(({ path, message, value, allowed }) => {
    const got = value === undefined ? [] : [`got ${JSON.stringify(value)}`]
    const may = allowed === undefined || allowed.length === 0 ? [] : [`allowed: ${allowed.join(', ')}`]
    const more = [...got, ...may].join('; ')
    return `  ${path === '' ? '' : `${path}: `}${message}${more === '' ? '' : ` (${more})`}`
  })
  return [`error: ${fault.message}`, ...lines].join('\n')
}
