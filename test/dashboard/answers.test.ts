import { describe, expect, it } from 'vitest'
import {
  asked,
  factName,
  factValue,
  faultsOf,
  given,
  known,
  requestFrom,
  subjectOf,
  takenWords,
} from '../../dashboard/pages/advisor/answers.ts'
import { type AdviceAnswers, knowledge, questions, type Subject } from '../../src/contract/advice-questions.ts'
import { adviceRequestSchema, type WireAdvice } from '../../src/contract/wire/advice.ts'
import type { WireEndpoint } from '../../src/contract/wire/endpoint.ts'

const subject: Subject = { stable: 'v1', versions: ['v2', 'v3'], metrics: ['conversion'] }
const fact = (over: Partial<WireAdvice['situation'][number]>): WireAdvice['situation'][number] => ({
  name: 'downtime',
  value: false,
  from: 'assumed',
  note: '',
  ...over,
})

describe('the form of the advisor', () => {
  it('has every question that the command has a flag for', () => {
    expect([...asked, ...known].map(([name]) => name)).toEqual([...Object.keys(questions), ...Object.keys(knowledge)])
  })

  it('offers the versions beside the stable one, and the metrics that can be a goal', () => {
    const endpoint = {
      stable: 'v1',
      versions: [{ name: 'v1' }, { name: 'v2' }],
      metrics: { slowness: { type: 'quantile' }, conversion: { type: 'mean' } },
    } as unknown as WireEndpoint
    expect(subjectOf(endpoint)).toEqual({ stable: 'v1', versions: ['v2'], metrics: ['conversion'] })
  })

  it('sends nothing that is empty, and nothing about an answer that was taken back', () => {
    const answers: AdviceAnswers = { goal: '', effect: '2%', 'only-goal': 'yes', within: ' 7d ', 'harm-in': 'accuracy' }
    expect(given(answers, subject)).toEqual({ within: '7d' })
    expect(given({ ...answers, goal: 'conversion' }, subject)).toEqual({
      goal: 'conversion',
      effect: '2%',
      'only-goal': 'yes',
      within: '7d',
    })
  })

  it('asks the API as the command does', () => {
    const { request, faults } = requestFrom(
      'shop',
      { to: 'v2', exposure: 'no', change: 'complex', users: '100' },
      subject,
    )
    expect(request).toEqual({
      endpoint: 'shop',
      candidates: ['v2'],
      exposure: false,
      change: 'complex',
      usersPerDay: 100,
    })
    expect(faults).toEqual({})
  })

  it.each([
    ['within', 'soon', 'is not a duration'],
    ['to', 'v9', 'v9 is not one of v2, v3'],
    ['group', 'beta', 'is not header=value'],
    ['harm', '5%', 'is not a number of percentage points'],
    ['traffic', 'lots', 'is not'],
    ['users', '-1', 'is too small; allowed: more than 0'],
  ] as const)('says beside %s that %s is wrong', (name, text, fault) => {
    expect(requestFrom('shop', { [name]: text }, subject).faults[name]).toContain(fault)
  })

  it('finds the question for every problem that a schema has with its field', () => {
    for (const [name, { field }] of [...asked, ...known]) {
      expect(faultsOf([{ path: field, message: 'is wrong', allowed: ['a', 'b'] }])).toEqual({
        [name]: 'is wrong; allowed: a, b',
      })
    }
    expect(faultsOf([{ path: 'candidates[1]', message: 'is named twice' }])).toEqual({ to: 'is named twice' })
    expect(faultsOf([{ path: 'groups[0].header', message: 'is missing' }])).toEqual({ group: 'is missing' })
    expect(faultsOf([{ path: 'endpoint', message: 'is not an endpoint' }])).toEqual({})
  })

  it('names fields that the schema has', () => {
    const fields = Object.keys(adviceRequestSchema.shape)
    expect([...asked, ...known].filter(([, { field }]) => !fields.includes(field.split('.')[0] ?? ''))).toEqual([])
  })
})

describe('what is taken without an answer', () => {
  it.each([
    [fact({ note: 'callers are always answered' }), 'Taken: no (assumed: callers are always answered)'],
    [fact({ name: 'withinMs', value: null, note: 'there is no hurry' }), 'Taken: nothing (assumed: there is no hurry)'],
    [fact({ name: 'requestsPerSecond', value: 11.6789, from: 'measured' }), 'Taken: 11.68 (measured)'],
    [fact({ from: 'stated' }), null],
    [undefined, null],
  ])('is told with where it is from: %o', (one, words) => {
    expect(takenWords(one)).toBe(words)
  })

  it('is told in words and units that people use', () => {
    expect([factName('labelDelayMs'), factName('requestsPerSecond')]).toEqual(['label delay', 'requests per second'])
    expect(factValue(fact({ name: 'labelDelayMs', value: 3 * 86_400_000 }))).toBe('3 days')
    expect(factValue(fact({ name: 'errorRate', value: 0.0125 }))).toBe('1.25%')
  })
})
