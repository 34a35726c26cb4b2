/** What is measured: something that takes requests and forwards them. */
export type Contestant = {
  name: string
  origin: string
  /** Before the path of the model server. */
  path: string
  pids(): number[]
  /** Requests recorded so far, copies not counted; NaN for one that records nothing. */
  records(): Promise<number>
  /** Records and copies that were lost to full queues so far; NaN for one that does not tell. */
  dropped(): Promise<number>
  end(): Promise<void>
}

export function urlOf({ origin, path }: Contestant, rest = '/predict'): string {
  return `${origin}${path}${rest}`
}
