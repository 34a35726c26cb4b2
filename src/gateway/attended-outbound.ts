/** An answer that somebody besides its maker has to do with: it tells when it is over, and adds fields for the page that asked. */
import type { Outbound, OutboundWatcher } from './inbound.ts'
import { withPageLines } from './pages.ts'

export class AttendedOutbound implements Outbound, OutboundWatcher {
  readonly #inner: Outbound
  /** Null where the listener says nothing of pages. */
  readonly #pageLines: string | null
  #watcher: OutboundWatcher | null = null
  #onOver: (() => void) | null = null

  constructor(inner: Outbound, pageLines: string | null) {
    this.#inner = inner
    this.#pageLines = pageLines
    inner.watch(this)
  }

  /** Called once, when the answer is out or the caller gone. */
  whenOver(onOver: () => void): void {
    if (this.#inner.isClosed) onOver()
    else this.#onOver = onOver
  }

  get hasBegun(): boolean {
    return this.#inner.hasBegun
  }

  get isClosed(): boolean {
    return this.#inner.isClosed
  }

  get takenBytes(): number {
    return this.#inner.takenBytes
  }

  watch(watcher: OutboundWatcher): void {
    this.#watcher = watcher
  }

  begin(status: number, lines: string, bodyBytes: number | null, ownLines?: string): void {
    this.#inner.begin(status, this.#withPage(lines), bodyBytes, ownLines)
  }

  write(chunk: Uint8Array): boolean {
    return this.#inner.write(chunk)
  }

  end(): void {
    this.#inner.end()
  }

  answer(status: number, lines: string, body: Buffer, closes: boolean): void {
    this.#inner.answer(status, this.#withPage(lines), body, closes)
  }

  cut(): void {
    this.#inner.cut()
  }

  onAnswerDrain(): void {
    this.#watcher?.onAnswerDrain()
  }

  onAnswerClosed(isSent: boolean): void {
    this.#watcher?.onAnswerClosed(isSent)
    this.#onOver?.()
    this.#onOver = null
  }

  #withPage(lines: string): string {
    return this.#pageLines === null ? lines : withPageLines(lines, this.#pageLines)
  }
}
