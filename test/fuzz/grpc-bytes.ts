/** Messages of `ModelInfer` as callers should not write them: fields of all kinds, drawn and then bent. The first bytes say how they are sent. */
import type { Draw } from './answer-bytes.ts'

/** Each is chosen by a byte of the input, so that mutations change it as they change all else. */
export const paths = [
  ...Array<string>(8).fill('/inference.GRPCInferenceService/ModelInfer'),
  ...Array<string>(3).fill('/inference.GRPCInferenceService/ModelStreamInfer'),
  '/inference.GRPCInferenceService/ModelReady',
  '/inference.GRPCInferenceService/ModelMetadata',
  '/inference.GRPCInferenceService/ServerLive',
  '/grpc.health.v1.Health/Check',
  '/inference.GRPCInferenceService/Nothing',
  '/nothing',
]
export const framings = [
  ...Array<'proper'>(8).fill('proper'),
  ...(['several', 'raw', 'longer', 'shorter', 'huge', 'packed', 'packed-badly', 'odd-flag', 'empty-before'] as const),
]
export const endings = [...Array<'end'>(5).fill('end'), ...(['bytewise', 'cut', 'reset', 'open', 'trailers'] as const)]
export const heads: readonly Readonly<Record<string, string>>[] = [
  ...Array<Record<string, string>>(8).fill({}),
  { 'grpc-timeout': '1x' },
  { 'grpc-timeout': '0n' },
  { 'grpc-timeout': '99999999H' },
  { 'content-type': 'text/plain' },
  { 'x-odd-bin': '%%%' },
  { 'x-cutover-version': 'v9' },
  { 'x-cutover-prediction-id': 'a b' },
  { 'grpc-encoding': 'snappy' },
  { 'grpc-encoding': 'deflate' },
]

export type Sent = {
  path: string
  framing: (typeof framings)[number]
  ending: (typeof endings)[number]
  head: Readonly<Record<string, string>>
  message: Buffer
}

export function sentOf(input: Buffer): Sent {
  const pick = <Value>(from: readonly Value[], at: number) => from[(input[at] ?? 0) % from.length] as Value
  return {
    path: pick(paths, 0),
    framing: pick(framings, 1),
    ending: pick(endings, 2),
    head: pick(heads, 3),
    message: input.subarray(4),
  }
}

export function drawSent(draw: Draw): Buffer {
  const control = Buffer.from([0, 1, 2, 3].map(() => (draw.chance(0.5) ? 0 : draw.below(256))))
  return Buffer.concat([control, drawRequest(draw, draw.of([0, 0, 0.02, 0.1]))])
}

const wire = { varint: 0, fixed64: 1, bytes: 2, start: 3, fixed32: 5 } as const

function varint(value: bigint | number): Buffer {
  let left = BigInt.asUintN(64, BigInt(value))
  const bytes: number[] = []
  while (left >= 128n) {
    bytes.push(Number(left & 127n) | 128)
    left >>= 7n
  }
  return Buffer.from([...bytes, Number(left)])
}

const tag = (field: number, type: number) => varint((field << 3) | type)
const held = (field: number, bytes: Uint8Array) => Buffer.concat([tag(field, wire.bytes), varint(bytes.length), bytes])
const text = (field: number, value: string) => (value === '' ? Buffer.alloc(0) : held(field, Buffer.from(value)))
const number = (field: number, value: bigint | number) => Buffer.concat([tag(field, wire.varint), varint(value)])

/** What stands where fields do and is none, or none that is known. */
function drawOddity(draw: Draw): Buffer {
  return draw.of([
    () => held(9 + draw.below(20), Buffer.alloc(draw.below(9), 7)),
    () => number(100 + draw.below(1_000), draw.below(1_000)),
    () => Buffer.concat([tag(draw.below(12), draw.below(8)), varint(draw.below(300))]),
    () => Buffer.concat([tag(1 + draw.below(7), wire.bytes), varint(draw.of([2 ** 31, 2 ** 32, 2n ** 63n, 1_000]))]),
    () => Buffer.alloc(1 + draw.below(12), 0xff),
    () => Buffer.from([0]),
    () => tag(1 + draw.below(7), wire.start),
    () => number(1 + draw.below(7), draw.below(100)),
    () => Buffer.concat([tag(3, wire.fixed64), Buffer.alloc(draw.below(9))]),
  ])()
}

/** The parts one after the other, seldom in another order, or one twice, or something odd between. */
function assembled(draw: Draw, oddity: number, parts: readonly Buffer[]): Buffer {
  const all = parts.flatMap(part => {
    if (!draw.chance(oddity)) return [part]
    return draw.of([[part, part], [], [drawOddity(draw), part], [part.subarray(0, draw.below(part.length + 1))]])
  })
  if (draw.chance(oddity)) all.reverse()
  return Buffer.concat(all)
}

const datatypes: Readonly<Record<string, { field: number; width: number }>> = {
  BOOL: { field: 1, width: 1 },
  INT8: { field: 2, width: 1 },
  INT16: { field: 2, width: 2 },
  INT32: { field: 2, width: 4 },
  INT64: { field: 3, width: 8 },
  UINT8: { field: 4, width: 1 },
  UINT16: { field: 4, width: 2 },
  UINT32: { field: 4, width: 4 },
  UINT64: { field: 5, width: 8 },
  FP16: { field: 0, width: 2 },
  BF16: { field: 0, width: 2 },
  FP32: { field: 6, width: 4 },
  FP64: { field: 7, width: 8 },
  BYTES: { field: 8, width: 0 },
}
const names = Object.keys(datatypes)

function drawRequest(draw: Draw, oddity: number): Buffer {
  const isOdd = () => draw.chance(oddity)
  const isRaw = draw.chance(0.4)
  const tensors = Array.from({ length: draw.below(4) }, (_, at) => drawTensor(draw, oddity, { at, isRaw }))
  const raw = isOdd() ? tensors.slice(1) : tensors
  return assembled(draw, oddity, [
    text(1, isOdd() ? draw.of(['', 'letters', 'digits/x', '\u0000', 'é'.repeat(200)]) : 'digits'),
    text(2, draw.of(['', '', '', 'v1', 'v2', isOdd() ? 'v9' : ''])),
    text(3, `id-${draw.below(1_000_000)}`),
    ...drawParameters(draw, oddity, 4),
    ...tensors.map(({ tensor }) => held(5, tensor)),
    ...Array.from({ length: draw.below(2) }, () =>
      held(6, Buffer.concat([text(1, 'y'), ...drawParameters(draw, oddity, 2)])),
    ),
    ...(isRaw || isOdd() ? raw.map(({ packed }) => held(7, packed)) : []),
  ])
}

function drawParameters(draw: Draw, oddity: number, field: number): Buffer[] {
  const value = () =>
    draw.of([
      number(1, draw.below(2)),
      number(2, draw.of([0, 1, -1, 2n ** 63n - 1n, -(2n ** 63n)])),
      text(3, draw.of(['a', '"', '\u2028', '{"inputs":[', '__proto__'])),
      Buffer.concat([
        tag(4, wire.fixed64),
        doubleBytes(draw.of([0.5, -0, 1e300, draw.chance(oddity) ? Number.NaN : 1])),
      ]),
      number(5, draw.of([0, 2n ** 64n - 1n])),
      draw.chance(oddity) ? Buffer.alloc(0) : number(1, 1),
    ])
  const name = () => draw.of(['a', 'sequence_id', 'binary_data_size', 'inputs', '__proto__', 'b'])
  return Array.from({ length: draw.below(3) }, () =>
    held(field, assembled(draw, oddity, [text(1, name()), held(2, value())])),
  )
}

function drawTensor(draw: Draw, oddity: number, { at, isRaw }: { at: number; isRaw: boolean }) {
  const isOdd = () => draw.chance(oddity)
  const datatype = draw.of(names)
  const { field, width } = datatypes[datatype] ?? { field: 0, width: 0 }
  const shape = Array.from({ length: draw.below(3) }, () => draw.below(4))
  const count = isOdd() ? draw.below(10) : shape.reduce((product, size) => product * size, 1)
  const sizes = isOdd() ? [draw.of([-1, 2 ** 31, 2n ** 62n, 2n ** 63n]), ...shape] : shape
  const elements = Array.from({ length: count }, () => drawElement(draw, datatype))
  const packed = Buffer.concat(elements.map(({ raw }) => raw))
  const own = isOdd() ? 1 + draw.below(9) : field
  const tensor = assembled(draw, oddity, [
    text(1, `in${at}`),
    text(2, isOdd() ? draw.of(['', 'FP8', 'fp32', 'X'.repeat(100)]) : datatype),
    draw.chance(0.7) ? held(3, Buffer.concat(sizes.map(varint))) : Buffer.concat(sizes.map(size => number(3, size))),
    ...drawParameters(draw, oddity, 4),
    isRaw && !isOdd() ? Buffer.alloc(0) : held(5, contentsOf(draw, own, width, elements)),
  ])
  return { tensor, packed }
}

type Element = { raw: Buffer; wire: Buffer }

/** Packed in one run, in several, or each by itself. */
function contentsOf(draw: Draw, field: number, width: number, elements: readonly Element[]): Buffer {
  const bytes = elements.map(element => element.wire)
  if (bytes.length === 0 || field === 0) return Buffer.alloc(0)
  if (field === 8) return Buffer.concat(bytes.map(one => held(8, one)))
  const type = field === 6 ? wire.fixed32 : field === 7 ? wire.fixed64 : wire.varint
  if (draw.chance(0.2) && width > 0) return Buffer.concat(bytes.flatMap(one => [tag(field, type), one]))
  const cut = draw.below(bytes.length + 1)
  const runs = [bytes.slice(0, cut), bytes.slice(cut)].filter(run => run.length > 0)
  return Buffer.concat(runs.map(run => held(field, Buffer.concat(run))))
}

function drawElement(draw: Draw, datatype: string): Element {
  const { width = 0 } = datatypes[datatype] ?? {}
  const bytes = Buffer.from(Array.from({ length: width }, () => draw.of([0, 1, 0x7f, 0x80, 0xff, draw.below(256)])))
  if (datatype === 'BYTES') {
    const value = draw.of([Buffer.from('a"\\'), Buffer.alloc(0), Buffer.from('é€'), bytesOf(draw)])
    const length = Buffer.alloc(4)
    length.writeUInt32LE(value.length)
    return { raw: Buffer.concat([length, value]), wire: value }
  }
  if (datatype === 'BOOL') return { raw: Buffer.from([(bytes[0] ?? 0) & 1]), wire: varint((bytes[0] ?? 0) & 1) }
  if (datatype.startsWith('FP') || datatype === 'BF16') return { raw: bytes, wire: bytes }
  return { raw: bytes, wire: varint(integerOf(bytes, datatype.startsWith('U'))) }
}

function integerOf(bytes: Buffer, isUnsigned: boolean): bigint {
  const unsigned = [...bytes].reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
  return isUnsigned ? unsigned : BigInt.asIntN(8 * bytes.length, unsigned)
}

function bytesOf(draw: Draw): Buffer {
  return Buffer.from(Array.from({ length: draw.below(6) }, () => draw.below(256)))
}

function doubleBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}
