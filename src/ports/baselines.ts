/** What is known of a metric on the stable version before a release is judged by it. */
import type { BaselineAnswer } from '../core/hypothesis.ts'
import type { GoalCheck } from '../core/metric-check.ts'

export interface Baselines {
  /** Of the newest recorded traffic alone, so that it costs the same however much there is. Not known is an answer. */
  read(query: { endpoint: string; version: string; goal: GoalCheck }): Promise<BaselineAnswer>
}
