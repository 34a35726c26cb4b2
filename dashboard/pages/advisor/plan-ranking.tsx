/** Every plan in a row, the best first; one of them is shown in full. */
import type { WireAdvicePlan } from '../../../src/contract/wire/advice.ts'
import { rankingHead, rankingRow } from '../../../src/contract/words/advice.ts'
import { Columns } from '../../parts/columns.tsx'

type Props = { plans: readonly WireAdvicePlan[]; shown: number; onShow(rank: number): void }

/** The name of a plan is its button. */
const nameColumn = rankingHead.indexOf('Plan')

export function PlanRanking({ plans, shown, onShow }: Props) {
  return (
    <div className="panel">
      <h2 id="ranking">Every plan, ranked</h2>
      <div className="scroll">
        <table className="ranking" aria-labelledby="ranking">
          <Columns words={rankingHead} />
          <tbody>
            {plans.map(plan => (
              <tr key={plan.rank} data-shown={plan.rank === shown} data-possible={plan.possible}>
                {rankingRow(plan).map((text, column) => (
                  <td key={rankingHead[column]} data-label={rankingHead[column]}>
                    {column === nameColumn ? (
                      <button type="button" aria-pressed={plan.rank === shown} onClick={() => onShow(plan.rank)}>
                        {text}
                      </button>
                    ) : (
                      text
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}
