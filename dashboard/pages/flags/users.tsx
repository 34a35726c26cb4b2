/** What hangs on a flag: releases that wait for it, endpoints whose callers it sends, flags that require it. */
import { Link } from 'wouter'
import type { WireFlag } from '../../../src/contract/wire/flag.ts'
import { flagPath } from './paths.ts'

type User = WireFlag['usedBy'][number]

export function Users({ users }: { users: readonly User[] }) {
  return (
    <ul className="bare">
      {users.map(user => (
        <li key={`${user.kind} ${user.name} ${user.what}`}>
          <UserName user={user} /> <span className="muted">{wordsOf(user)}</span>
        </li>
      ))}
    </ul>
  )
}

function UserName({ user: { kind, name } }: { user: User }) {
  if (kind === 'endpoint') return <>endpoint {name}</>
  const href = kind === 'flag' ? flagPath(name) : `/releases/${encodeURIComponent(name)}`
  return (
    <>
      {kind} <Link href={href}>{name}</Link>
    </>
  )
}

function wordsOf({ what, variants }: User): string {
  return variants.length === 0 ? what : `${what}: ${variants.join(' or ')}`
}
