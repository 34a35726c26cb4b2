/** Sizes that a model calls by one name ("batch", "sequence"), in which the inputs of a request may disagree. */

/** Of each input the sizes of its shape: a name where it is open, empty if it has none. */
export type DeclaredShapes = ReadonlyMap<string, readonly (number | string)[]>

type Sized = { name: string; dims: readonly number[] }

/** The first name that is given two sizes, as a sentence; null if there is none. */
export function disagreement(inputs: readonly Sized[], declared: DeclaredShapes): string | null {
  const met = new Map<string, { size: number; where: string }>()
  for (const { name, dims } of inputs) {
    for (const [at, size] of dims.entries()) {
      const sizeName = declared.get(name)?.[at]
      if (typeof sizeName !== 'string' || sizeName === '') continue
      const where = `input "${name}" (shape ${JSON.stringify(dims)})`
      const before = met.get(sizeName)
      if (before === undefined) met.set(sizeName, { size, where })
      else if (before.size !== size) {
        const sizes = `${before.size} in ${before.where} and ${size} in ${where}`
        return `the size that the model calls "${sizeName}" is ${sizes}; it takes the same in both`
      }
    }
  }
  return null
}
