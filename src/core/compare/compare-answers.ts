/**
 * Compares what two versions answered to one request, by the kind of answer it is. Pure and bounded; off the hot path.
 *
 * `champion` is the answer that the caller got. Where that cannot be read there is nothing to compare with; where only
 * the challenger's cannot, the two differ as much as they can.
 */
import { assertNever } from '../errors.ts'
import { type Answer, type Label, labelText, type Prediction } from '../prediction.ts'
import type { Comparator } from '../stage-plans.ts'
import { type Closeness, type Comparison, differs, same, shown } from './comparison.ts'
import { compareNumbers, compareVectors, cosineCloseness } from './numbers.ts'
import { compareRankings } from './rankings.ts'
import { compareShapes } from './shapes.ts'
import { compareTexts } from './texts.ts'

/** One value per row, the scores of the classes row by row, and the JSON body; each null where there is none. */
export type ComparedAnswer = Pick<Prediction, 'answer' | 'scores'> & { body: { json: unknown } | null }

export function compareAnswers(
  comparator: Comparator,
  champion: ComparedAnswer,
  challenger: ComparedAnswer,
): Comparison {
  if (comparator.kind === 'shape') return compareBodies(champion, challenger)
  const rowsOf = rowReader(comparator)
  const ours = rowsOf(champion)
  if (ours === null) return { comparable: false, reason: `the champion's answer has no ${wanted(comparator)}` }
  const theirs = rowsOf(challenger)
  if (theirs === null) return comparable(differs(`the challenger's answer has no ${wanted(comparator)}`))
  if (ours.length !== theirs.length) return comparable(differs(`${ours.length} rows against ${theirs.length}`))
  return comparable(worst(ours.map((row, index) => compareRow(comparator, row, theirs[index]))))
}

/** What a prediction holds for this comparator; a body is parsed for the comparator that needs one alone. */
export function comparedAnswer(
  comparator: Comparator,
  prediction: Pick<Prediction, 'answer' | 'scores' | 'payload'>,
): ComparedAnswer {
  const { answer, scores, payload } = prediction
  const bytes = comparator.kind === 'shape' ? payload?.response : undefined
  return { answer, scores, body: bytes === undefined ? null : jsonOf(bytes) }
}

function comparable(closeness: Closeness): Comparison {
  return { comparable: true, ...closeness }
}

/** All rows must agree; the one that differs most is told. */
function worst(rows: readonly Closeness[]): Closeness {
  let greatest = same
  for (const row of rows) if (row.distance > greatest.distance) greatest = row
  return { ...greatest, agree: rows.every(row => row.agree) }
}

type Row = Answer | readonly number[]

function compareRow(
  comparator: Exclude<Comparator, { kind: 'shape' }>,
  champion: Row,
  challenger: Row | undefined,
): Closeness {
  switch (comparator.kind) {
    case 'label':
      return compareLabels(champion, challenger)
    case 'number':
      return compareNumbers(comparator, champion, challenger)
    case 'vector':
      return compareVectors(comparator, champion, challenger)
    case 'cosine':
      return cosineCloseness(comparator, champion, challenger)
    case 'ranking':
      return compareRankings(comparator, itemsOf(champion), itemsOf(challenger))
    case 'text':
      return compareTexts(comparator, textOf(champion), textOf(challenger))
    default:
      return assertNever(comparator)
  }
}

function compareLabels(champion: Row, challenger: Row | undefined): Closeness {
  const [ours, theirs] = [textOf(champion), textOf(challenger)]
  return ours === theirs ? same : differs(`${shown(ours)} against ${shown(theirs)}`)
}

function textOf(row: Row | undefined): string {
  if (row === undefined) return ''
  return isList(row) ? row.map(labelText).join(' ') : labelText(row)
}

function itemsOf(row: Row | undefined): readonly string[] {
  if (row === undefined) return []
  return isList(row) ? row.map(labelText) : [labelText(row)]
}

function isList(row: Row): row is readonly Label[] {
  return Array.isArray(row)
}

/** Vectors are the scores where there are any, else answers that are lists. */
function rowReader(comparator: Comparator): (answer: ComparedAnswer) => readonly Row[] | null {
  const isVector = comparator.kind === 'vector' || comparator.kind === 'cosine'
  return ({ answer, scores }) => {
    const rows = isVector ? (scores ?? answer) : answer
    return rows === null || rows.length === 0 ? null : rows
  }
}

function wanted({ kind }: Comparator): string {
  return kind === 'vector' || kind === 'cosine' ? 'scores' : 'value that could be read'
}

function compareBodies(champion: ComparedAnswer, challenger: ComparedAnswer): Comparison {
  if (champion.body === null) return { comparable: false, reason: "the champion's body was not kept, or is not JSON" }
  if (challenger.body === null) return comparable(differs("the challenger's body is not JSON"))
  return compareShapes(champion.body.json, challenger.body.json)
}

function jsonOf(bytes: Uint8Array): { json: unknown } | null {
  try {
    return { json: JSON.parse(new TextDecoder().decode(bytes)) }
  } catch {
    return null
  }
}
