/** Features of a request as the columns of a linear model. Pure, and the same in gateway and evidence. */
import type { Feature } from '../prediction.ts'

/** A declared feature: a number, or with `categories` one of these or none of them. */
export type ContextFeature = { name: string; categories: readonly string[] | null }

export type FeatureValues = Readonly<Record<string, Feature>>

/** The columns of the features in their order, without the constant. */
export function columnNames(features: readonly ContextFeature[]): string[] {
  return features.flatMap(({ name, categories }) =>
    categories === null ? [name, `${name} missing`] : categories.map(one => `${name}=${one}`),
  )
}

/**
 * A number is itself beside a mark that it is missing. A category is a mark; one that is not listed, like a missing one, has
 * none: such requests share what the model knows of no category.
 */
export function columnsOf(features: readonly ContextFeature[], values: FeatureValues): number[] {
  const columns: number[] = []
  for (const { name, categories } of features) {
    const value = values[name] ?? null
    if (categories === null) {
      const isNumber = typeof value === 'number' && Math.abs(value) <= greatestValue
      columns.push(isNumber ? value : 0, isNumber ? 0 : 1)
    } else for (const category of categories) columns.push(value === category ? 1 : 0)
  }
  return columns
}

/** Sums of squares stay finite; a greater number is taken for a missing one. */
const greatestValue = 1e100
