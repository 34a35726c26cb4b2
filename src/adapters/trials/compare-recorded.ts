/** Whether a version says to a recorded request what was answered then. The one place where recorded answers are compared. */
import { isDeepStrictEqual } from 'node:util'
import { readAnswer } from '../../core/answer.ts'
import { compareAnswers, comparedAnswer } from '../../core/compare/compare-answers.ts'
import type { EndpointSpec } from '../../core/endpoint.ts'
import {
  type Answer,
  type Label,
  labelText,
  type Payload,
  type Prediction,
  type SentHead,
} from '../../core/prediction.ts'
import type { Comparator } from '../../core/stage-plans.ts'
import type { Asked } from './ask.ts'

/** A recorded request that can be sent again. */
export type Recorded = Prediction & { payload: Payload & { sent: SentHead } }

type Answered = Pick<Extract<Asked, { state: 'answered' }>, 'body' | 'contentType' | 'jsonBytes'>

type Compared = { recorded: Recorded; asked: Answered; spec: EndpointSpec }

/** What both said, as texts for a person. */
export type Comparison = { agrees: boolean; expected: string; answered: string }

/** Null if the recorded answer cannot be read: then nothing can be said. Labels agree by their text, like everywhere. */
export function compareRecorded(comparator: Comparator | null, { recorded, asked, spec }: Compared): Comparison | null {
  const { answer: rule, protocol } = spec
  if (comparator !== null) return compareBy(comparator, { recorded, asked, spec })
  if (rule !== null && recorded.answer !== null) {
    const { answer } = readAnswer({ ...asked, rule, protocol })
    const agrees = answer !== null && sameRows(recorded.answer, answer)
    return { agrees, expected: rowsText(recorded.answer), answered: answer === null ? 'no value' : rowsText(answer) }
  }
  return rule === null ? compareJson(recorded.payload.response, asked.body, protocol) : null
}

/** As answers of challengers to copies are compared. */
function compareBy(
  comparator: Comparator,
  { recorded, asked, spec: { answer: rule, protocol } }: Compared,
): Comparison | null {
  const read = rule === null ? { answer: null, scores: null } : readAnswer({ ...asked, rule, protocol })
  const result = compareAnswers(
    comparator,
    comparedAnswer(comparator, recorded),
    comparedAnswer(comparator, { ...read, payload: { request: empty, response: asked.body } }),
  )
  if (!result.comparable) return null
  const { agree: agrees, note } = result
  const [then, now] = [recorded.answer, read.answer]
  if (comparator.kind === 'shape' || then === null) return { agrees, expected: 'the same', answered: note }
  return { agrees, expected: rowsText(then), answered: now === null ? 'no value' : rowsText(now) }
}

const empty = new Uint8Array()

function sameRows(expected: readonly Answer[], answered: readonly Answer[]): boolean {
  return (
    expected.length === answered.length && expected.every((row, index) => rowText(row) === rowText(answered[index]))
  )
}

function rowText(row: Answer | undefined): string {
  if (row === undefined) return ''
  return isLabel(row) ? labelText(row) : JSON.stringify(row.map(labelText))
}

function isLabel(row: Answer): row is Label {
  return typeof row !== 'object'
}

function rowsText(rows: readonly Answer[]): string {
  return rows.map(rowText).join(', ')
}

/** Of the Open Inference Protocol the outputs alone: name and version of the model differ by right. */
function compareJson(
  expected: Uint8Array,
  answered: Uint8Array,
  protocol: EndpointSpec['protocol'],
): Comparison | null {
  const [then, now] = [readJson(expected), readJson(answered)]
  if (then === undefined) return null
  const part = (value: unknown): unknown =>
    protocol === 'open-inference' && typeof value === 'object' && value !== null && 'outputs' in value
      ? value.outputs
      : value
  const agrees = now !== undefined && isDeepStrictEqual(part(then), part(now))
  return { agrees, expected: JSON.stringify(then), answered: now === undefined ? 'no JSON' : JSON.stringify(now) }
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}
