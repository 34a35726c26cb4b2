/** Inputs made from others: a few bytes changed, a stretch doubled or left out, two put together. */
import type { Draw } from './answer-bytes.ts'

const odd = [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x30, 0x39, 0x3a, 0x3b, 0x5b, 0x5c, 0x7b, 0x7f, 0x80, 0xc3, 0xff]

export function mutate(input: Buffer, other: Buffer, draw: Draw): Buffer {
  let bytes: Buffer = Buffer.from(input)
  for (let left = 1 + draw.below(4); left > 0; left -= 1) bytes = mutateOnce(bytes, other, draw)
  return bytes
}

function mutateOnce(bytes: Buffer, other: Buffer, draw: Draw): Buffer {
  const at = draw.below(bytes.length + 1)
  const end = Math.min(bytes.length, at + 1 + draw.below(draw.of([1, 4, 64])))
  const before = bytes.subarray(0, at)
  switch (draw.below(6)) {
    case 0:
      return Buffer.concat([before, oddByte(draw), bytes.subarray(at)])
    case 1:
      return Buffer.concat([before, oddByte(draw), bytes.subarray(at + 1)])
    case 2:
      return Buffer.concat([before, bytes.subarray(end)])
    case 3:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    case 4:
      return Buffer.concat([before, other.subarray(draw.below(other.length + 1))])
    default:
      return Buffer.concat([before, flipped(bytes.subarray(at, end), draw), bytes.subarray(end)])
  }
}

function oddByte(draw: Draw): Buffer {
  return Buffer.of(draw.chance(0.7) ? draw.of(odd) : draw.below(256))
}

function flipped(bytes: Buffer, draw: Draw): Buffer {
  return Buffer.from(bytes.map(byte => byte ^ (1 << draw.below(8))))
}
