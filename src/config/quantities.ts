/** Quantities of a document that the contract has checked: anything else here is a mistake of the program. */
import {
  parseDurationMs,
  parsePercentFraction,
  parsePercentPpm,
  parsePointsFraction,
  parsePrice,
} from '../contract/units.ts'

export function durationMs(text: string): number {
  return checked(parseDurationMs(text), text)
}

export function percentPpm(text: string): number {
  return checked(parsePercentPpm(text), text)
}

/** `0.5pp` is 0.005, `20%` is 0.2, `3` is 3 in the unit of the metric. */
export function marginFraction(text: string): number {
  if (text.endsWith('pp')) return checked(parsePointsFraction(text), text)
  return checked(text.endsWith('%') ? parsePercentFraction(text) : Number(text), text)
}

/** `2.5/1M` is 0.0000025. */
export function pricePerToken(price: string | number): number {
  return typeof price === 'number' ? price : checked(parsePrice(price), price)
}

function checked(quantity: number | null, text: string): number {
  if (quantity === null) throw new Error(`${text} passed the contract and is no quantity`)
  return quantity
}
