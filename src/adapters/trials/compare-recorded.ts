/** Whether a version says to a recorded request what was answered then. The one place where recorded answers are compared. */
import { isDeepStrictEqual } from 'node:util'
import { readAnswer } from '../../core/answer.ts'
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

type Answered = Pick<Extract<Asked, { state: 'answered' }>, 'body' | 'contentType'>

/** What both said, as texts for a person. */
export type Comparison = { agrees: boolean; expected: string; answered: string }

/** Null if the recorded answer cannot be read: then nothing can be said. Labels agree by their text, like everywhere. */
export function compareRecorded(
  comparator: Comparator | null,
  { recorded, asked, spec }: { recorded: Recorded; asked: Answered; spec: EndpointSpec },
): Comparison | null {
  if (comparator !== null && comparator.kind !== 'label')
    throw new Error(`recorded answers cannot be compared by ${comparator.kind} yet`)
  const { answer: rule, protocol } = spec
  if (rule !== null && recorded.answer !== null) {
    const { answer } = readAnswer({ body: asked.body, contentType: asked.contentType, rule, protocol })
    const agrees = answer !== null && sameRows(recorded.answer, answer)
    return { agrees, expected: rowsText(recorded.answer), answered: answer === null ? 'no value' : rowsText(answer) }
  }
  return comparator === null && rule === null ? compareJson(recorded.payload.response, asked.body, protocol) : null
}

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
