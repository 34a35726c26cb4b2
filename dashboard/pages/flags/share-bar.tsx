/** Who gets what, as one bar; each variant is named with its share beside it. */
import type { Share } from './shares.ts'
import { listed } from './words.ts'

export function ShareBar({ shares, isQuiet = false }: { shares: readonly Share[]; isQuiet?: boolean }) {
  if (shares.length === 0) return <span className="muted">the value in the code</span>
  const label = listed(shares.map(({ variant, text }) => `${variant} ${text}`))
  return (
    <div className="shares" data-quiet={isQuiet}>
      <div className="shares-bar" role="img" aria-label={label}>
        {shares.map(({ variant, ppm, tint }) => (
          <span key={variant} data-tint={tint} style={{ flexGrow: ppm }} />
        ))}
      </div>
      <ul className="shares-legend" aria-hidden="true">
        {shares.map(({ variant, text, tint }) => (
          <li key={variant} data-tint={tint}>
            {variant} <b>{text}</b>
          </li>
        ))}
      </ul>
    </div>
  )
}
