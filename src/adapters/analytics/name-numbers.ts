/** Numbers for names that come again and again: endpoints, versions and releases. */
import type { DuckDBConnection } from '@duckdb/node-api'

/** Stands for no release. */
export const noName = 0

export class NameNumbers {
  readonly #numbers = new Map<string, number>()
  readonly #names = new Map<number, string>()
  /** Given since the last save. */
  #unsaved: { number: number; name: string }[] = []

  static async read(connection: DuckDBConnection): Promise<NameNumbers> {
    const numbers = new NameNumbers()
    const reader = await connection.runAndReadAll('SELECT id, name FROM names')
    for (const [number, name] of reader.getRows()) numbers.#keep(Number(number), String(name))
    return numbers
  }

  /** The number of a name; a new one gets the next. */
  numberOf(name: string | null): number {
    if (name === null) return noName
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const number = this.#numbers.size + 1
    this.#keep(number, name)
    this.#unsaved.push({ number, name })
    return number
  }

  /** Null if the log has never had the name. */
  find(name: string): number | null {
    return this.#numbers.get(name) ?? null
  }

  nameOf(number: number): string | null {
    return this.#names.get(number) ?? null
  }

  async save(connection: DuckDBConnection): Promise<void> {
    for (const { number, name } of this.#unsaved) {
      await connection.run('INSERT INTO names VALUES ($1, $2)', [number, name])
    }
    this.#unsaved = []
  }

  #keep(number: number, name: string): void {
    this.#numbers.set(name, number)
    this.#names.set(number, name)
  }
}
