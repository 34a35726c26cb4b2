/**
 * What is asked before a strategy is advised, wherever it is asked: each question with its flag, its words and its field of the
 * request. What a field may hold is the schema's matter.
 */
import { parseDurationMs, parsePercentFraction } from './units.ts'
import { changeKinds, harmMetrics, type WireAdviceRequest } from './wire/advice.ts'

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
type KnownName = 'harm' | 'harm-in' | 'traffic' | 'users' | 'baseline' | 'deviation'
export type QuestionName = AskedName | KnownName

/** As they were typed or chosen, by the names of their flags. */
export type AdviceAnswers = Partial<Record<QuestionName, string>>

export type Subject = { stable: string; versions: readonly string[]; metrics: readonly string[] }

type Kind =
  | { kind: 'yes-no' }
  | { kind: 'choice'; choices: readonly string[] }
  | {
      kind: 'text'
      example: string
      check?(text: string, subject: Subject): string | null
      /** What an endpoint leaves to choose from, where the answer is one of it, or `many`, with commas between. */
      among?(subject: Subject): readonly string[]
      many?: true
    }

export type Question = Kind & {
  /** Of the value in the help. */
  value: string
  help: string
  message: string
  /** Of the request, as a problem names it. */
  field: string
  /** Of the situation: what is taken without an answer. */
  fact: string
  /** Asked only where this answer was given. */
  after?: QuestionName
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
    among: ({ versions }) => versions,
    many: true,
    field: 'candidates',
    fact: 'candidates',
  },
  exposure: {
    ...yesNo,
    help: 'users may meet the candidate before it is judged',
    message: 'May users meet the candidate before anything has judged it?',
    field: 'exposure',
    fact: 'exposure',
  },
  downtime: {
    ...yesNo,
    help: 'nobody may be served for a while',
    message: 'May nobody be served for a while?',
    field: 'downtime',
    fact: 'downtime',
  },
  within: {
    kind: 'text',
    value: 'duration',
    help: 'a decision must fall by then, such as 12h or 7d',
    message: 'How soon must a decision fall?',
    example: '7d',
    check: text => (parseDurationMs(text) === null ? 'is not a duration such as 12h, 7d' : null),
    field: 'within',
    fact: 'withinMs',
  },
  goal: {
    kind: 'text',
    value: 'metric',
    help: 'what is to improve: a metric that the endpoint declares',
    message: 'Which metric is to improve?',
    example: 'conversion',
    check: (text, { metrics }) =>
      metrics.includes(text) ? null : `${text} is not one of ${metrics.join(', ') || 'the metrics: none is declared'}`,
    among: ({ metrics }) => metrics,
    field: 'goal.metric',
    fact: 'goal',
  },
  effect: {
    kind: 'text',
    value: 'size',
    help: 'the change of the goal that matters, such as 2% or 0.5pp',
    message: 'Which change of it matters?',
    example: '2%',
    after: 'goal',
    field: 'goal.effect',
    fact: 'goal',
  },
  'only-goal': {
    ...yesNo,
    help: 'the goal is all that counts',
    message: 'Is it the only thing that counts?',
    after: 'goal',
    field: 'onlyGoal',
    fact: 'onlyGoal',
  },
  change: {
    kind: 'choice',
    value: 'kind',
    choices: changeKinds,
    help: 'one thing has changed, or many',
    message: 'How complex is the change?',
    field: 'change',
    fact: 'change',
  },
  expensive: {
    ...yesNo,
    help: 'instances are expensive (GPU)',
    message: 'Are instances expensive, such as GPUs?',
    field: 'expensive',
    fact: 'expensive',
  },
  idempotent: {
    ...yesNo,
    help: 'a request may be sent twice',
    message: 'May a request be sent twice, with no effect in the world?',
    field: 'idempotent',
    fact: 'idempotent',
  },
  group: {
    kind: 'text',
    value: 'header=value',
    help: 'only users whose requests carry it take part',
    message: 'Is it for a group of users only? The header and its value that tell them:',
    example: 'x-tier=beta',
    check: text => (/^[^=]+=.+$/.test(text) ? null : 'is not header=value'),
    field: 'groups',
    fact: 'groups',
  },
}

/** What is measured where it can be, and so is asked for nowhere but may be said. */
export const knowledge: Readonly<Record<KnownName, Question>> = {
  harm: {
    kind: 'text',
    value: 'difference',
    help: 'what is feared of a bad candidate: so many more bad answers, such as 5pp',
    message: 'What is feared of a bad candidate: how many more bad answers?',
    example: '5pp',
    field: 'harm.by',
    fact: 'harm',
  },
  'harm-in': {
    kind: 'choice',
    value: 'metric',
    choices: harmMetrics,
    help: 'error-rate or accuracy',
    message: 'What is a bad answer: one that fails, or one that is wrong?',
    after: 'harm',
    field: 'harm.metric',
    fact: 'harm',
  },
  traffic: {
    kind: 'text',
    value: 'number',
    help: 'requests a second, instead of those measured',
    message: 'How many requests a second?',
    example: '20',
    field: 'requestsPerSecond',
    fact: 'requestsPerSecond',
  },
  users: {
    kind: 'text',
    value: 'number',
    help: 'different users a day',
    message: 'How many different users a day?',
    example: '10000',
    field: 'usersPerDay',
    fact: 'usersPerRequest',
  },
  baseline: {
    kind: 'text',
    value: 'number',
    help: 'the goal on the stable version: 10%, or a number in its unit',
    message: 'What is the goal on the stable version?',
    example: '10%',
    field: 'baseline.mean',
    fact: 'baseline',
  },
  deviation: {
    kind: 'text',
    value: 'number',
    help: 'its standard deviation over users, where it is no share',
    message: 'What is its standard deviation over users, where it is no share?',
    example: '5',
    after: 'baseline',
    field: 'baseline.deviation',
    fact: 'baseline',
  },
}

/** Nothing is asked that the endpoint leaves no choice in, nor of an answer that was not given. */
export function isAsked(name: QuestionName, answers: AdviceAnswers, { versions, metrics }: Subject): boolean {
  if (name === 'to') return versions.length > 1
  if (name === 'goal') return metrics.length > 0
  const { after } = { ...questions, ...knowledge }[name]
  return after === undefined || answers[after] !== undefined
}

/** Numbers and words as the API takes them; what they may be is its matter. Parts of what is not told are left out. */
export function adviceRequestOf(endpoint: string, answers: AdviceAnswers): WireAdviceRequest {
  const { to, goal, effect, within, change, group, harm, baseline, deviation, traffic, users } = answers
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
    ...(change !== undefined && { change: change as (typeof changeKinds)[number] }),
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

function metricOf(metric: string | undefined): { metric?: (typeof harmMetrics)[number] } {
  return metric === undefined ? {} : { metric: metric as (typeof harmMetrics)[number] }
}

function groupOf(text: string): { header: string; equals: string } {
  const [header = '', ...rest] = text.split('=')
  return { header: header.trim(), equals: rest.join('=').trim() }
}
