/** First in, first out, at the same cost however many wait: an array's own `shift` moves all that are behind. */
export class Fifo<Item> {
  /** A ring; its length is a power of two. */
  #places: (Item | undefined)[] = new Array(leastPlaces)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The one that has waited longest; undefined if none waits. */
  get first(): Item | undefined {
    return this.#places[this.#head]
  }

  push(item: Item): void {
    if (this.#size === this.#places.length) this.#widen()
    this.#places[this.#placeOf(this.#size)] = item
    this.#size += 1
  }

  shift(): Item | undefined {
    if (this.#size === 0) return undefined
    const item = this.#places[this.#head]
    this.#places[this.#head] = undefined
    this.#head = this.#placeOf(1)
    this.#size -= 1
    return item
  }

  #placeOf(index: number): number {
    return (this.#head + index) & (this.#places.length - 1)
  }

  #widen(): void {
    const behind = new Array<Item | undefined>(this.#places.length)
    this.#places = [...this.#places.slice(this.#head), ...this.#places.slice(0, this.#head), ...behind]
    this.#head = 0
  }
}

const leastPlaces = 16
