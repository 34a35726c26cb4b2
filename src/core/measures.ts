/** What the gateway itself measures of the answers of language models: numbers of one prediction, by name. */

/** In the order in which they are shown. A number that could not be told is left out, never 0. */
export const measureNames = [
  'input-tokens',
  'output-tokens',
  'tokens',
  'time-to-first-token-ms',
  'tokens-per-second',
  'cost',
] as const

export type MeasureName = (typeof measureNames)[number]
export type Measures = Readonly<Partial<Record<MeasureName, number>>>

export function isMeasureName(name: string): name is MeasureName {
  return (measureNames as readonly string[]).includes(name)
}

/** What a token costs, in whatever currency the prices are written. */
export type Price = {
  inputPerToken: number
  outputPerToken: number
  /** Of input that the provider had in its cache; the price of other input where it is left out. */
  cachedInputPerToken?: number
}

/** As the provider counts them; null where it does not say. Cached input is part of the input. */
export type TokenUsage = { input: number | null; output: number | null; total: number | null; cachedInput: number }

export type MeasuredAnswer = {
  usage: TokenUsage | null
  price: Price | null
  /** From the request to the first part of the answer that has content; null where it did not come in parts. */
  firstTokenMs: number | null
  /** From the request to the end of the answer. */
  latencyMs: number
}

/**
 * Tokens by second are output tokens by all of the time that the caller waited, the wait for the first one included:
 * so the number is one thing for answers that are streamed and for those that come at once.
 */
export function measuresOf({ usage, price, firstTokenMs, latencyMs }: MeasuredAnswer): Measures {
  const { input = null, output = null, total = null } = usage ?? {}
  const all = total ?? (input !== null && output !== null ? input + output : null)
  return {
    ...(input !== null && { 'input-tokens': input }),
    ...(output !== null && { 'output-tokens': output }),
    ...(all !== null && { tokens: all }),
    ...(firstTokenMs !== null && { 'time-to-first-token-ms': firstTokenMs }),
    ...(output !== null && latencyMs > 0 && { 'tokens-per-second': (output * 1_000) / latencyMs }),
    ...costOf(usage, price),
  }
}

/** Nothing without a count of the input; an answer without output, such as an embedding, costs its input. */
function costOf(usage: TokenUsage | null, price: Price | null): { cost?: number } {
  if (usage === null || price === null || usage.input === null) return {}
  const cached = Math.min(usage.cachedInput, usage.input)
  const { inputPerToken, outputPerToken, cachedInputPerToken = inputPerToken } = price
  const input = (usage.input - cached) * inputPerToken + cached * cachedInputPerToken
  return { cost: input + (usage.output ?? 0) * outputPerToken }
}
