/** Header fields that a version's servers get from the gateway alone. Secrets are read here, and told to nobody else. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { AddedHeader } from '../../../core/endpoint.ts'

export type AddedHeaderSpecs = Readonly<Record<string, AddedHeader>>

/** A value that cannot be had, and why; the reason never holds any part of it. */
export type HeaderProblem = { name: string; detail: string }

export class AddedHeaders {
  readonly #specs: readonly (readonly [name: string, spec: AddedHeader])[]
  readonly #files = new Map<string, string>()
  #lines = ''

  constructor(specs: AddedHeaderSpecs) {
    this.#specs = Object.entries(specs)
    for (const [, spec] of this.#specs)
      if (spec.from === 'file') this.#keep(spec.path, () => readFileSync(spec.path, 'utf8'))
    this.#write()
  }

  has(lowerName: string): boolean {
    return this.#specs.some(([name]) => name === lowerName)
  }

  get isEmpty(): boolean {
    return this.#specs.length === 0
  }

  /** Lines `name: value`, each with its CRLF. */
  get lines(): string {
    return this.#lines
  }

  /** The first value that cannot be had as things stand, or null. */
  get problem(): HeaderProblem | null {
    for (const [name, spec] of this.#specs) {
      const detail = this.#detailOf(spec)
      if (detail !== null) return { name, detail }
    }
    return null
  }

  /** Reads files again; what has become unreadable keeps its value. The first problem, or null. */
  async refresh(): Promise<HeaderProblem | null> {
    let problem: HeaderProblem | null = null
    for (const [name, spec] of this.#specs) {
      const detail = await this.#refreshed(spec)
      if (detail !== null) problem ??= { name, detail }
    }
    this.#write()
    return problem
  }

  async #refreshed(spec: AddedHeader): Promise<string | null> {
    if (spec.from === 'file') {
      const text = await readFile(spec.path, 'utf8').catch(() => null)
      if (text === null) return `the file ${spec.path} cannot be read`
      this.#files.set(spec.path, text)
    }
    return this.#detailOf(spec)
  }

  #detailOf(spec: AddedHeader): string | null {
    if (spec.from === 'file' && !this.#files.has(spec.path)) return `the file ${spec.path} cannot be read`
    const value = this.#valueOf(spec)
    if (value === null) return `the environment variable ${spec.from === 'env' ? spec.name : ''} is not set`
    return isFieldValue.test(value) ? null : `${sourceOf(spec)} holds what no header field can have`
  }

  #keep(path: string, read: () => string): void {
    try {
      this.#files.set(path, read())
    } catch {
      // `refresh` tells it.
    }
  }

  #write(): void {
    const lines = this.#specs.map(([name, spec]) => {
      const value = this.#valueOf(spec)
      return value === null || !isFieldValue.test(value) ? '' : `${name}: ${value}\r\n`
    })
    this.#lines = lines.join('')
  }

  /** Null where there is none. Editors and `echo` end a file with a line; no secret does. */
  #valueOf(spec: AddedHeader): string | null {
    if (spec.from === 'text') return spec.text
    const secret = spec.from === 'env' ? process.env[spec.name] : this.#files.get(spec.path)?.trim()
    return secret === undefined || secret === '' ? null : spec.prefix + secret
  }
}

/** RFC 9110, 5.5. */
const isFieldValue = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/

function sourceOf(spec: AddedHeader): string {
  if (spec.from === 'env') return `the environment variable ${spec.name}`
  return spec.from === 'file' ? `the file ${spec.path}` : 'the text'
}
