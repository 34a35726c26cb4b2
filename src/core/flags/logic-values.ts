/** The values of JsonLogic: what is true, how two are compared, how they are counted with. */

/** What cannot be computed, in a few words that follow the name of the flag. */
export class LogicFault extends Error {}

export function truthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}

type Operator = (values: readonly unknown[]) => unknown

/** JsonLogic compares as JavaScript does: the loose ones by value, `1` and `"1"` alike. */
export const comparisons: Readonly<Record<string, Operator>> = {
  // biome-ignore lint/suspicious/noDoubleEquals: this is the operator of that name
  '==': chained((a, b) => a == b),
  // biome-ignore lint/suspicious/noDoubleEquals: this is the operator of that name
  '!=': chained((a, b) => a != b),
  '===': chained((a, b) => a === b),
  '!==': chained((a, b) => a !== b),
  '<': chained((a, b) => a < b),
  '<=': chained((a, b) => a <= b),
  '>': chained((a, b) => a > b),
  '>=': chained((a, b) => a >= b),
}

/** Of several values every neighbouring pair. */
function chained(compare: (a: string, b: string) => boolean): Operator {
  return values => {
    if (values.length < 2) throw new LogicFault('compares fewer than two values')
    return values.slice(1).every((value, index) => compare(values[index] as string, value as string))
  }
}

export const arithmetic: Readonly<Record<string, Operator>> = {
  '+': values => values.map(numberOf).reduce((sum, value) => sum + value, 0),
  '*': values => values.map(numberOf).reduce((product, value) => product * value, 1),
  '-': values => subtract(values.map(numberOf)),
  '/': values => divide(values.map(numberOf)),
  '%': values => remainder(values.map(numberOf)),
  max: values => Math.max(...numbersOf(values)),
  min: values => Math.min(...numbersOf(values)),
}

function subtract(values: readonly number[]): number {
  const [first, ...rest] = values
  if (first === undefined) throw new LogicFault('subtracts nothing')
  return rest.length === 0 ? -first : rest.reduce((left, value) => left - value, first)
}

function divide(values: readonly number[]): number {
  const [first, ...rest] = values
  if (first === undefined) throw new LogicFault('divides nothing')
  const divisors = rest.length === 0 ? [first] : rest
  if (divisors.includes(0)) throw new LogicFault('divides by zero')
  return divisors.reduce((left, value) => left / value, rest.length === 0 ? 1 : first)
}

function remainder(values: readonly number[]): number {
  const [first, ...rest] = values
  if (first === undefined || rest.length === 0) throw new LogicFault('takes a remainder of fewer than two values')
  return rest.reduce((left, value) => asNumber(left % value), first)
}

/** No text is taken for a number here. */
function numbersOf(values: readonly unknown[]): number[] {
  const numbers = values.filter(value => typeof value === 'number')
  if (numbers.length === 0 || numbers.length < values.length) throw new LogicFault('takes the greatest of no numbers')
  return numbers
}

function numberOf(value: unknown): number {
  if (typeof value === 'object' && value !== null) throw new LogicFault('counts with what is no number')
  return asNumber(Number(value))
}

function asNumber(value: number): number {
  if (Number.isNaN(value)) throw new LogicFault('counts with what is no number')
  return value
}
