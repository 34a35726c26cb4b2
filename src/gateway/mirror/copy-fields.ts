import { shadowIdOf } from '../../core/prediction.ts'
import { ownHeaders } from '../headers.ts'

/**
 * The lines a challenger gets: those that the champion got, and what tells a copy from a caller's request. The champion's
 * line with its prediction's id is the last of that name: whatever looks like it before is part of what a caller sent.
 */
export function copyFields(champions: string, prediction: string, challenger: string): string {
  const line = `${ownHeaders.predictionId}: ${prediction}\r\n`
  const at = champions.lastIndexOf(line)
  const kept = at === -1 ? champions : champions.slice(0, at) + champions.slice(at + line.length)
  const own = `${ownHeaders.predictionId}: ${shadowIdOf(prediction, challenger)}\r\n${ownHeaders.shadow}: ${challenger}\r\n`
  return kept + own
}
