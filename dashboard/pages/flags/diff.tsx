import type { WireFlagChange } from '../../../src/contract/wire/flag.ts'
import { diffLines } from './diff.ts'

/** A segment may change by thousands of units at once. */
const linesMax = 20

export function Diff({ differences }: { differences: WireFlagChange['differences'] }) {
  const all = diffLines(differences)
  const lines = all.slice(0, linesMax)
  if (lines.length === 0) return null
  return (
    <ul className="diff">
      {lines.map(({ path, mark, text }) => (
        <li key={`${path} ${mark} ${text}`} data-mark={mark}>
          <span aria-hidden="true">{mark === '-' ? '−' : '+'}</span>
          <code>
            <span className="muted">{path}</span> {mark === '-' ? <del>{text}</del> : <ins>{text}</ins>}
          </code>
        </li>
      ))}
      {all.length > lines.length && <li className="more">… and {all.length - lines.length} more</li>}
    </ul>
  )
}
