/** The rolling stage as people write it. */
import { z } from 'zod'
import { duration, lasting, object, percent } from '../resource-parts.ts'
import { type Loose, type Report, withRule } from '../resource-rules.ts'
import { parseDurationMs } from '../units.ts'

const amount = z.union([percent, z.int().min(0).max(64)])

const rollingShape = object({
  'max-surge': amount.default('25%').meta({
    description:
      "Instances that may run beyond the greater of the two fleets: a number, or a share of the candidate's, rounded up.",
  }),
  'max-unavailable': amount.default('25%').meta({
    description:
      "Instances that may be missing from the smaller of the two fleets: a number, or a share of the candidate's, rounded down.",
  }),
  'min-ready': duration
    .default('10s')
    .meta({ description: 'A batch counts when it has been ready and has served this long.' }),
  'progress-deadline': lasting.default('10m').meta({
    description:
      'Without progress of its instances for so long the release does what on-fail says; a batch that lacks evidence holds.',
  }),
  'min-requests': z.int().min(0).default(0).meta({
    description:
      'Requests that the candidate must answer in each batch, with every guardrail passing, before the next one; with 0 a batch goes on unless a guardrail is crossed.',
  }),
})

export const rollingStage = withRule(rollingShape, rollingRule).meta({
  id: 'Rolling',
  description: 'The new version replaces the old one batch by batch; guardrails are looked at between batches.',
})

function rollingRule(rolling: Loose, report: Report): void {
  const [readyMs, deadlineMs] = ['min-ready', 'progress-deadline'].map(key => parseDurationMs(String(rolling[key])))
  if (readyMs != null && deadlineMs != null && readyMs > deadlineMs)
    report(
      ['min-ready'],
      `is longer than progress-deadline, which is ${rolling['progress-deadline']}: every batch would hold`,
      `up to ${rolling['progress-deadline']}`,
    )
  if (rolling['max-surge'] !== 0 || rolling['max-unavailable'] !== 0) return
  report(
    ['max-surge'],
    'with max-unavailable 0 no instance could be replaced: one of the two must be above 0',
    '1, 25%',
  )
}
