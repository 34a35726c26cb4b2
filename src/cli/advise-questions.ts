/** The questions before an advice, put to a person at a terminal. */
import {
  type AdviceAnswers,
  adviceRequestOf,
  isAsked,
  type Question,
  type QuestionName,
  questions,
  type Subject,
} from '../contract/advice-questions.ts'
import type { WireAdviceRequest } from '../contract/wire/advice.ts'
import { usageError } from './errors.ts'
import type { Prompts } from './prompts.ts'

/** The answers that are missing, from a person. */
export async function askFor(prompts: Prompts, given: AdviceAnswers, subject: Subject): Promise<AdviceAnswers> {
  const answers: AdviceAnswers = { ...given }
  for (const [name, question] of Object.entries(questions) as [QuestionName, Question][]) {
    if (answers[name] !== undefined || !isAsked(name, answers, subject)) continue
    const answer = await ask(prompts, question, subject)
    if (answer !== null) answers[name] = answer
  }
  return answers
}

function ask(prompts: Prompts, question: Question, subject: Subject): Promise<string | null> {
  const { message } = question
  if (question.kind === 'text') {
    const check = (text: string) => question.check?.(text, subject) ?? null
    return prompts.write({ message, example: question.example, check })
  }
  const words = question.kind === 'choice' ? question.choices : ['yes', 'no']
  return prompts.choose({ message, choices: words.map(value => ({ value, label: value })) })
}

/** A flag that only says more of another one is nothing without it. */
export function requestOf(endpoint: string, answers: AdviceAnswers): WireAdviceRequest {
  const { goal, effect, baseline, deviation } = answers
  if (effect !== undefined && goal === undefined) throw usageError('--effect needs --goal')
  if (deviation !== undefined && baseline === undefined) throw usageError('--deviation needs --baseline')
  return adviceRequestOf(endpoint, answers)
}
