/** Copies of records, for keeping them without their bodies. */
import { PackedCursor, type PackedRecords } from './cursor.ts'
import { aligned, flags, words } from './layout.ts'

/** Those that `keeps` says, by their places, without their bodies: these are kept elsewhere, which the copies tell. */
export function copyWithoutBodies(records: PackedRecords, keeps: (place: number) => boolean): PackedRecords {
  const cursor = new PackedCursor(records)
  const buffer = new ArrayBuffer(records.end - records.start)
  const [from, to] = [new Uint8Array(records.buffer), new Uint8Array(buffer)]
  const numbers = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
  let [end, count] = [0, 0]
  for (let place = 0; place < records.count; place += 1) {
    cursor.advance()
    if (!keeps(place)) continue
    const bytes = cursor.bodiesAt - cursor.start
    to.set(from.subarray(cursor.start, cursor.bodiesAt), end)
    if (cursor.hasPayload) leaveBodies(numbers, end >>> 2)
    end = aligned(end + bytes)
    count += 1
  }
  return { buffer, start: 0, end, count, anyPayload: false, kinds: records.kinds }
}

function leaveBodies(numbers: Uint32Array, word: number): void {
  numbers[word + words.requestBytes] = 0
  numbers[word + words.responseBytes] = 0
  numbers[word + words.flags] = ((numbers[word + words.flags] ?? 0) & ~flags.hasPayload) | flags.hasLeftPayload
}
