/** Who answers how much: a bar, and the same in words. */
import { percent } from '../../src/contract/words/quantities.ts'

type Props = { weightsPpm: Readonly<Record<string, number>>; stable: string }

/** Of several candidates each has its own: the one that is grey is the stable version's. */
const candidateTints = [0, 2, 3, 4, 5]

export function TrafficBar({ weightsPpm, stable }: Props) {
  const candidates = Object.keys(weightsPpm).filter(version => version !== stable)
  const serving = Object.entries(weightsPpm).filter(([, ppm]) => ppm > 0)
  // The stable version first, so that a candidate grows from the right.
  const ordered = serving.toSorted(([a], [b]) => Number(b === stable) - Number(a === stable))
  let from = 0
  const parts = ordered.map(([version, ppm]) => {
    const tint = candidateTints[candidates.indexOf(version) % candidateTints.length]
    const part = { version, ppm, from, tint }
    from += ppm
    return part
  })
  return (
    <div className="traffic">
      <svg viewBox="0 0 1000000 10" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(({ version, ppm, from, tint }) => (
          <rect
            key={version}
            data-tint={tint}
            x={from}
            width={ppm}
            height="10"
            className={version === stable ? 'stable' : 'candidate'}
          />
        ))}
      </svg>
      <ul>
        {parts.map(({ version, ppm, tint }) => (
          <li key={version} data-tint={tint} className={version === stable ? 'stable' : 'candidate'}>
            {version} <b>{percent(ppm)}</b>
          </li>
        ))}
      </ul>
    </div>
  )
}
