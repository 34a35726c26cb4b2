/** What a worker records, as the main thread takes it: packed, to a log that only that thread writes. */
import { after } from '../adapters/clock/after.ts'
import type { Appending } from '../adapters/recorder/recorder.ts'
import { CutoverError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Outcome, Prediction } from '../core/prediction.ts'
import type { Answered, Recall } from '../gateway/conversations.ts'
import type { Clock } from '../ports/clock.ts'
import type { AppendedOutcomes, AppendedPredictions, PackedPredictions } from '../ports/prediction-log.ts'
import type { Call, Reply } from './messages.ts'
import { thrownError } from './plain-error.ts'

export class CallsToMain implements Appending {
  readonly #send: (id: number, call: Call, transfer: ArrayBuffer[]) => void
  readonly #pending = new Map<number, (reply: Reply) => void>()
  #lastId = 0

  constructor(send: (id: number, call: Call, transfer: ArrayBuffer[]) => void) {
    this.#send = send
  }

  /** What was committed is told to the evidence there: nothing of it comes back here. */
  async appendPredictions(packed: readonly Prediction[] | PackedPredictions): Promise<AppendedPredictions> {
    if (!(packed instanceof ArrayBuffer)) throw new CutoverError('internal', 'a worker hands over packed predictions')
    const reply = await this.#call({ kind: 'append', packed }, [packed])
    if (reply.kind !== 'appended') throw otherReply(reply)
    return { fresh: [], joined: [], upToSeq: 0, ...(reply.read !== null && { read: reply.read }) }
  }

  async appendOutcomes(outcomes: readonly Outcome[]): Promise<AppendedOutcomes> {
    const reply = await this.#call({ kind: 'feedback', outcomes }, [])
    if (reply.kind !== 'receipts') throw otherReply(reply)
    return { receipts: reply.receipts, joined: [], upToSeq: 0 }
  }

  /** Null where it cannot be told, or not soon. */
  async recall({ endpoint, id }: Parameters<Recall>[0], uptime: Clock): Promise<Answered | null> {
    const { promise: late, resolve } = Promise.withResolvers<null>()
    const cancel = after(uptime, limits.workerRecallMs, () => resolve(null))
    const reply = await Promise.race([this.#call({ kind: 'recall', endpoint, id }, []), late])
    cancel()
    return reply?.kind === 'recalled' ? reply.answered : null
  }

  replied(id: number, reply: Reply): void {
    this.#pending.get(id)?.(reply)
    this.#pending.delete(id)
  }

  #call(call: Call, transfer: ArrayBuffer[]): Promise<Reply> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise(resolve => {
      this.#pending.set(id, resolve)
      this.#send(id, call, transfer)
    })
  }
}

function otherReply(reply: Reply): CutoverError {
  return reply.kind === 'failed' ? thrownError(reply.error) : new CutoverError('internal', `replied ${reply.kind}`)
}
