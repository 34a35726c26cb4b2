/** The API key of this tab: in its session storage, and nowhere else. */

const place = 'cutover-key'

type Session = { key: string | null; isAsked: boolean }

let session: Session = { key: sessionStorage.getItem(place), isAsked: false }
const listeners = new Set<() => void>()

/** For `useSyncExternalStore`. */
export const keySession = {
  current: (): Session => session,
  subscribe(listener: () => void): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
}

export function signIn(key: string): void {
  sessionStorage.setItem(place, key)
  change({ key, isAsked: false })
}

export function signOut(): void {
  sessionStorage.removeItem(place)
  change({ key: null, isAsked: true })
}

/** The server wants a key, or another one than was sent. An answer to an older key says nothing of the present one. */
export function askForKey(sent: string | null): void {
  if (sent === session.key && !session.isAsked) change({ ...session, isAsked: true })
}

function change(next: Session): void {
  session = next
  for (const listener of listeners) listener()
}
