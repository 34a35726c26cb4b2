/** A caller's connection as node:http takes it: the bytes that were read already come first. */
import { Duplex } from 'node:stream'
import { takenBytes } from '../taken-bytes.ts'
import type { Reading } from './read-socket.ts'

/**
 * A stream of its own around the socket. Node's HTTP server would read from the handle of a real socket itself, past the
 * bytes that have been read already; so keep-alive and `Expect: 100-continue` stalled.
 */
export class HandedOver extends Duplex {
  readonly #reading: Reading

  constructor(reading: Reading, first: Buffer) {
    super({ allowHalfOpen: true })
    this.#reading = reading
    const { socket } = reading
    socket.on('drain', () => this.#onDrain?.())
    socket.on('timeout', () => this.emit('timeout'))
    if (first.length > 0) this.push(first)
  }

  #onDrain: (() => void) | null = null

  /** A view that is valid during the call alone. */
  onBytes(bytes: Buffer): void {
    if (!this.push(Buffer.from(bytes))) this.#reading.pause()
  }

  onEnd(): void {
    this.push(null)
  }

  onClose(hadError: boolean): void {
    if (!this.destroyed) this.destroy(hadError ? reset() : undefined)
  }

  override _read(): void {
    this.#reading.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#reading.socket.write(chunk)) done()
    else this.#onDrain = once(done, () => (this.#onDrain = null))
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#reading.socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#reading.socket.destroy()
    done(error)
  }

  get remoteAddress(): string | undefined {
    return this.#reading.socket.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.#reading.socket.remotePort
  }

  get bytesWritten(): number {
    return this.#reading.socket.bytesWritten
  }

  get takenBytes(): number {
    return takenBytes(this.#reading.socket)
  }

  get encrypted(): boolean {
    return 'encrypted' in this.#reading.socket
  }

  setTimeout(timeoutMs: number, listener?: () => void): this {
    if (listener !== undefined) this.once('timeout', listener)
    this.#reading.socket.setTimeout(timeoutMs)
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  resetAndDestroy(): this {
    // TLS tells an end from a break by itself, and Node resets no such connection.
    if (!this.encrypted) this.#reading.socket.resetAndDestroy()
    this.destroy()
    return this
  }
}

function once(done: () => void, clear: () => void): () => void {
  return () => {
    clear()
    done()
  }
}

function reset(): Error {
  return Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' })
}
