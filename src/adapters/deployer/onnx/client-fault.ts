/** The request does not fit the model. Its message goes to the caller. */
export class ClientFault extends Error {
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

/** A value as it stands in an error: short, whatever it is. */
export function quote(value: unknown): string {
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value, bigAsText) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

function bigAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
