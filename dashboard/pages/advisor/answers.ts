/** What stands in the form, as the API is asked it; and what is wrong with it, by the question that it is wrong with. */
import {
  type AdviceAnswers,
  adviceRequestOf,
  isAsked,
  knowledge,
  type Question,
  type QuestionName,
  questions,
  type Subject,
} from '../../../src/contract/advice-questions.ts'
import { toProblems } from '../../../src/contract/problems.ts'
import { adviceRequestSchema, type WireAdvice, type WireAdviceRequest } from '../../../src/contract/wire/advice.ts'
import type { WireEndpoint } from '../../../src/contract/wire/endpoint.ts'
import { valueWords } from '../../../src/contract/words/advice.ts'
import { longDuration, rounded } from '../../../src/contract/words/quantities.ts'

export const asked = Object.entries(questions) as [QuestionName, Question][]
export const known = Object.entries(knowledge) as [QuestionName, Question][]
const all = [...asked, ...known]

export function subjectOf({ stable, versions, metrics }: WireEndpoint): Subject {
  return {
    stable,
    versions: versions.map(({ name }) => name).filter(name => name !== stable),
    // A quantile can be guarded, not be a goal.
    metrics: Object.entries(metrics).flatMap(([name, { type }]) => (type === 'quantile' ? [] : [name])),
  }
}

/** Without what is empty, and what is said of an answer that was not given. */
export function given(answers: AdviceAnswers, subject: Subject): AdviceAnswers {
  const filled: AdviceAnswers = {}
  for (const [name] of all) {
    const text = answers[name]?.trim() ?? ''
    if (text !== '' && isAsked(name, filled, subject)) filled[name] = text
  }
  return filled
}

export type Faults = Partial<Record<QuestionName, string>>

/** The request, or what is wrong with the answers by the contract's own schema. */
export function requestFrom(
  endpoint: string,
  answers: AdviceAnswers,
  subject: Subject,
): { request: WireAdviceRequest; faults: Faults } {
  const request = adviceRequestOf(endpoint, answers)
  const parsed = adviceRequestSchema.safeParse(request)
  const faults: Faults = parsed.success ? {} : faultsOf(toProblems(parsed.error, request))
  for (const [name, question] of all) {
    const text = answers[name]
    if (question.kind !== 'text' || text === undefined) continue
    const fault = question.check?.(text, subject) ?? null
    if (fault !== null) faults[name] = fault
  }
  return { request, faults }
}

type Said = { path: string; message: string; allowed?: readonly string[] | undefined }

/** Problems of the schema or of the server, beside the questions that they are of. */
export function faultsOf(problems: readonly Said[]): Faults {
  const faults: Faults = {}
  for (const { path, message, allowed = [] } of problems) {
    const found = all.find(([, { field }]) => path === field) ?? all.find(([, { field }]) => isWithin(path, field))
    if (found !== undefined)
      faults[found[0]] ??= allowed.length === 0 ? message : `${message}; allowed: ${allowed.join(', ')}`
  }
  return faults
}

/** `candidates[0]` is of `candidates`, and `goal` of `goal.metric`. */
function isWithin(path: string, field: string): boolean {
  return path.startsWith(`${field}[`) || path.startsWith(`${field}.`) || field.startsWith(`${path}.`)
}

type Fact = WireAdvice['situation'][number]

/** `wrong rate` for wrongRate: what a person reads. */
export function factName(name: string): string {
  return name.replace(/Ms$/, '').replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}

const shares: ReadonlySet<string> = new Set(['errorRate', 'wrongRate', 'discordance'])

export function factValue({ name, value }: Fact): string {
  if (typeof value === 'number' && name.endsWith('Ms')) return longDuration(value)
  if (typeof value === 'number' && shares.has(name)) return `${rounded(value * 100)}%`
  return valueWords(value)
}

/** What is taken where the person says nothing; null where nothing is known of it yet, or it was said. */
export function takenWords(fact: Fact | undefined): string | null {
  if (fact === undefined || fact.from === 'stated') return null
  const value = factValue(fact)
  const source = [fact.from, fact.note].filter(text => text !== '').join(': ')
  return value === '-' ? `Taken: nothing (${source})` : `Taken: ${value} (${source})`
}
