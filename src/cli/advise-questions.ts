/** What `cutover advise` asks: each question with its flag, and how its answer is written in a request. */
import { parseDurationMs, parsePercentFraction } from '../contract/units.ts'
import type { WireAdviceRequest } from '../contract/wire/advice.ts'
import { usageError } from './errors.ts'
import type { Prompts } from './prompts.ts'

type AskedName =
  | 'to'
  | 'exposure'
  | 'downtime'
  | 'within'
  | 'goal'
  | 'effect'
  | 'only-goal'
  | 'change'
  | 'expensive'
  | 'idempotent'
  | 'group'

/** As they were typed or chosen, by the names of their flags. */
export type AdviceAnswers = Partial<Record<QuestionName, string>>

export type Subject = { stable: string; versions: readonly string[]; metrics: readonly string[] }

type Kind =
  | { kind: 'yes-no' }
  | { kind: 'choice'; choices: readonly string[] }
  | { kind: 'text'; example: string; check?(text: string, subject: Subject): string | null }

type Question = Kind & {
  /** Of the value in the help. */
  value: string
  help: string
  message: string
  /** Asked only where this answer was given. */
  after?: AskedName
}

const yesNo = { kind: 'yes-no', value: 'yes|no' } as const

/** In the order in which they are asked. */
export const questions: Readonly<Record<AskedName, Question>> = {
  to: {
    kind: 'text',
    value: 'versions',
    help: 'the candidates, such as v2 or v2,v3; by default the version declared last',
    message: 'Which versions may take the place of the stable one?',
    example: 'v2,v3',
    check: (text, { versions }) => {
      const unknown = text.split(',').find(name => !versions.includes(name.trim()))
      return unknown === undefined ? null : `${unknown} is not one of ${versions.join(', ')}`
    },
  },
  exposure: {
    ...yesNo,
    help: 'users may meet the candidate before it is judged',
    message: 'May users meet the candidate before anything has judged it?',
  },
  downtime: { ...yesNo, help: 'nobody may be served for a while', message: 'May nobody be served for a while?' },
  within: {
    kind: 'text',
    value: 'duration',
    help: 'a decision must fall by then, such as 12h or 7d',
    message: 'How soon must a decision fall?',
    example: '7d',
    check: text => (parseDurationMs(text) === null ? 'is not a duration such as 12h, 7d' : null),
  },
  goal: {
    kind: 'text',
    value: 'metric',
    help: 'what is to improve: a metric that the endpoint declares',
    message: 'Which metric is to improve?',
    example: 'conversion',
    check: (text, { metrics }) =>
      metrics.includes(text) ? null : `${text} is not one of ${metrics.join(', ') || 'the metrics: none is declared'}`,
  },
  effect: {
    kind: 'text',
    value: 'size',
    help: 'the change of the goal that matters, such as 2% or 0.5pp',
    message: 'Which change of it matters?',
    example: '2%',
    after: 'goal',
  },
  'only-goal': {
    ...yesNo,
    help: 'the goal is all that counts',
    message: 'Is it the only thing that counts?',
    after: 'goal',
  },
  change: {
    kind: 'choice',
    value: 'kind',
    choices: ['simple', 'complex'],
    help: 'one thing has changed, or many',
    message: 'How complex is the change?',
  },
  expensive: { ...yesNo, help: 'instances are expensive (GPU)', message: 'Are instances expensive, such as GPUs?' },
  idempotent: {
    ...yesNo,
    help: 'a request may be sent twice',
    message: 'May a request be sent twice, with no effect in the world?',
  },
  group: {
    kind: 'text',
    value: 'header=value',
    help: 'only users whose requests carry it take part',
    message: 'Is it for a group of users only? The header and its value that tell them:',
    example: 'x-tier=beta',
    check: text => (/^[^=]+=.+$/.test(text) ? null : 'is not header=value'),
  },
}

/** What is measured where it can be, and so is never asked for. */
export const knowledge = {
  harm: ['difference', 'what is feared of a bad candidate: so many more bad answers, such as 5pp'],
  'harm-in': ['metric', 'error-rate or accuracy'],
  traffic: ['number', 'requests a second, instead of those measured'],
  users: ['number', 'different users a day'],
  baseline: ['number', 'the goal on the stable version: 10%, or a number in its unit'],
  deviation: ['number', 'its standard deviation over users, where it is no share'],
} as const

export type QuestionName = AskedName | keyof typeof knowledge

/** The answers that are missing, from a person. Nothing is asked that the endpoint leaves no choice in. */
export async function askFor(prompts: Prompts, given: AdviceAnswers, subject: Subject): Promise<AdviceAnswers> {
  const answers: AdviceAnswers = { ...given }
  for (const [name, question] of Object.entries(questions) as [AskedName, Question][]) {
    if (answers[name] !== undefined || isSettled(name, subject)) continue
    if (question.after !== undefined && answers[question.after] === undefined) continue
    const answer = await ask(prompts, question, subject)
    if (answer !== null) answers[name] = answer
  }
  return answers
}

function isSettled(name: QuestionName, { versions, metrics }: Subject): boolean {
  return (name === 'to' && versions.length <= 1) || (name === 'goal' && metrics.length === 0)
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

/** Numbers and words as the API takes them; what they may be is its matter. */
export function requestOf(endpoint: string, answers: AdviceAnswers): WireAdviceRequest {
  const { to, goal, effect, within, change, group, harm, baseline, deviation, traffic, users } = answers
  if (effect !== undefined && goal === undefined) throw usageError('--effect needs --goal')
  if (deviation !== undefined && baseline === undefined) throw usageError('--deviation needs --baseline')
  return {
    endpoint,
    ...(to !== undefined && { candidates: to.split(',').map(name => name.trim()) }),
    ...(goal !== undefined && { goal: { metric: goal, ...(effect !== undefined && { effect }) } }),
    ...yesOrNo('exposure', answers.exposure),
    ...yesOrNo('downtime', answers.downtime),
    ...yesOrNo('onlyGoal', answers['only-goal']),
    ...yesOrNo('expensive', answers.expensive),
    ...yesOrNo('idempotent', answers.idempotent),
    ...(within !== undefined && { within }),
    ...(change !== undefined && { change: change as 'simple' | 'complex' }),
    ...(group !== undefined && { groups: [groupOf(group)] }),
    ...(harm !== undefined && { harm: { by: harm, ...metricOf(answers['harm-in']) } }),
    ...(traffic !== undefined && { requestsPerSecond: Number(traffic) }),
    ...(users !== undefined && { usersPerDay: Number(users) }),
    ...(baseline !== undefined && {
      baseline: {
        mean: parsePercentFraction(baseline) ?? Number(baseline),
        ...(deviation !== undefined && { deviation: Number(deviation) }),
      },
    }),
  }
}

function yesOrNo<Key extends string>(key: Key, word: string | undefined) {
  return (word === undefined ? {} : { [key]: word === 'yes' }) as Partial<Record<Key, boolean>>
}

function metricOf(metric: string | undefined): { metric?: 'error-rate' | 'accuracy' } {
  return metric === undefined ? {} : { metric: metric as 'error-rate' | 'accuracy' }
}

function groupOf(text: string): { header: string; equals: string } {
  const [header = '', ...rest] = text.split('=')
  return { header: header.trim(), equals: rest.join('=').trim() }
}
