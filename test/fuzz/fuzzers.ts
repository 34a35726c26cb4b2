import type { Fuzzer } from './fuzzer.ts'
import { answers } from './fuzzers/answers.ts'
import { chunked } from './fuzzers/chunked.ts'
import { feedback } from './fuzzers/feedback.ts'
import { flags } from './fuzzers/flags.ts'
import { grpc } from './fuzzers/grpc.ts'
import { jsonMembers } from './fuzzers/json-members.ts'
import { ofrep } from './fuzzers/ofrep.ts'
import { requests } from './fuzzers/requests.ts'
import { sse } from './fuzzers/sse.ts'
import { stream } from './fuzzers/stream.ts'
import { tensors } from './fuzzers/tensors.ts'

export const fuzzers: readonly Fuzzer[] = [
  requests,
  answers,
  chunked,
  stream,
  sse,
  jsonMembers,
  tensors,
  flags,
  feedback,
  ofrep,
  grpc,
]
