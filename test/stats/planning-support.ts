import { addToJointMoments, emptyJointMoments, type JointMoments } from '../../src/stats/summaries/joint-moments.ts'
import { numbers } from './support.ts'

export { allFinite, expectClose, numbers, refusal } from './support.ts'

/** The joint moments of pairs, added one at a time. */
export function jointMomentsOf(x: readonly number[], y: readonly number[]): JointMoments {
  return x.reduce(
    (moments, value, index) => numbers(addToJointMoments(moments, { x: value, y: y[index] ?? Number.NaN })).moments,
    emptyJointMoments,
  )
}
