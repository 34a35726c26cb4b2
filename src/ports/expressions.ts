/** Expressions that users write over the fields of a prediction and its outcome. */
import type { Expression } from '../core/metrics/observe.ts'

export interface Expressions {
  /** Throws `invalid-resource` with what is wrong and where. The expression runs in bounded time, without effects. */
  compile(text: string): Expression
}
