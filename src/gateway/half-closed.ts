/**
 * A caller that has ended its side of the connection may still read, or may be gone: both look alike until something is
 * written, since only then does the network tell of one that is gone. While it waits for its answer it is sent interim ones
 * (RFC 9110, 15.2), which every caller has to pass over. Amid an answer nothing can be asked: what is written tells, and
 * one that ended its side there and has been sent nothing since is taken for gone.
 */
import { limits } from '../core/limits.ts'

export const interimAnswer = 'HTTP/1.1 100 Continue\r\n\r\n'

/** `writableLength`: bytes that the network has not taken. */
type Writing = {
  readonly destroyed: boolean
  readonly bytesWritten: number
  readonly writableLength: number
  destroy(): unknown
}

/** The answer under way. */
export type Awaited = { hasBegun: boolean; sendInterim(): void }

/** The second interim answer comes soon: the first brings the network's word, which the next write hears. */
const secondAfterMs = 50

/** Called when the caller has ended its side; looks after the connection until that is over. */
export function attendHalfClosed(connection: Writing, awaited: () => Awaited | null): void {
  const endedAmid = awaited()?.hasBegun === true
  let written = connection.bytesWritten
  const look = (pauseMs: number): void => {
    if (connection.destroyed) return
    const answer = awaited()
    const isSilent = connection.bytesWritten === written && connection.writableLength === 0
    if (endedAmid && answer?.hasBegun === true && isSilent) connection.destroy()
    else if (answer?.hasBegun === false) answer.sendInterim()
    written = connection.bytesWritten
    lookAfter(pauseMs)
  }
  const lookAfter = (pauseMs: number) => void setTimeout(look, pauseMs, limits.halfClosedAskMs).unref()
  if (endedAmid) lookAfter(limits.halfClosedAskMs)
  else look(secondAfterMs)
}
