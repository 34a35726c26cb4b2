import type { WireFlagChange } from '../../../src/contract/wire/flag.ts'
import { diffLines } from './diff.ts'

export function Diff({ differences }: { differences: WireFlagChange['differences'] }) {
  const lines = diffLines(differences)
  if (lines.length === 0) return null
  return (
    <ul className="diff">
      {lines.map(({ path, mark, text }) => (
        <li key={`${path} ${mark}`} data-mark={mark}>
          <span aria-hidden="true">{mark === '-' ? '−' : '+'}</span>
          <code>
            <span className="muted">{path}</span> {mark === '-' ? <del>{text}</del> : <ins>{text}</ins>}
          </code>
        </li>
      ))}
    </ul>
  )
}
