/**
 * What looks through lists and texts, or makes new ones: it pays for their length. What is made of itself again and again
 * grows with the square of a list, or doubles, and a caller sends the list.
 */
import { LogicFault } from './logic-values.ts'

export type Pay = (steps: number) => void

/** Items and characters that one step pays for, where they are looked at and where they are put into something new. */
const lookedAtPerStep = 64
const copiedPerStep = 4

export function isIn(item: unknown, list: unknown, pay: Pay): boolean {
  // What is missing, and what JsonLogic takes for nothing.
  if (!list) return false
  if (typeof list !== 'string' && !Array.isArray(list))
    throw new LogicFault('looks for something in what is neither a text nor a list')
  pay(Math.floor(list.length / lookedAtPerStep))
  return typeof list === 'string' ? list.includes(String(item)) : list.includes(item)
}

export function merged(values: readonly unknown[], pay: Pay): unknown[] {
  const items = values.reduce<number>((sum, value) => sum + (Array.isArray(value) ? value.length : 1), 0)
  pay(Math.floor(items / copiedPerStep))
  return values.flatMap(value => (Array.isArray(value) ? value : [value]))
}

export function joined(texts: readonly string[], pay: Pay): string {
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  pay(Math.floor(characters / lookedAtPerStep))
  return texts.join('')
}
