/** The stages of a release in a row: what is over, where it stands, what is to come. */
import type { WirePlan } from '../../../src/contract/wire/plan.ts'
import type { WireReleaseSummary } from '../../../src/contract/wire/release.ts'
import { percent } from '../../../src/contract/words/quantities.ts'
import { stageWords } from '../../../src/contract/words/stages.ts'

type Props = { plan: WirePlan; release: Pick<WireReleaseSummary, 'stage' | 'state'> }

export function StageTrack({ plan, release: { stage, state } }: Props) {
  const current = stage?.index ?? (state === 'promoted' ? plan.stages.length : -1)
  return (
    <ol className="track" aria-label="Stages">
      {plan.stages.map((one, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a stage is its place in the plan.
        <li key={index} data-place={placeOf(index, current)} aria-current={index === current ? 'step' : undefined}>
          <b>{one.kind}</b>
          {one.steps === undefined ? (
            <small>{stageWords(one).slice(one.kind.length).trim()}</small>
          ) : (
            <ol className="steps" aria-label="Steps">
              {one.steps.map(({ weightPpm }, step) => (
                <li
                  // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place in the stage.
                  key={step}
                  data-place={index === current ? placeOf(step, stage?.step ?? 0) : placeOf(index, current)}
                >
                  {percent(weightPpm)}
                </li>
              ))}
            </ol>
          )}
        </li>
      ))}
    </ol>
  )
}

function placeOf(index: number, current: number): 'over' | 'here' | 'ahead' {
  return index < current ? 'over' : index === current ? 'here' : 'ahead'
}
