import type { Migration } from '../sqlite/migrate.ts'
import { predictions } from '../sqlite/migrations/prediction-log/0001-predictions.ts'
import { rowValues } from '../sqlite/migrations/prediction-log/0002-row-values.ts'
import { outcomesByCommit } from '../sqlite/migrations/prediction-log/0003-outcomes-by-commit.ts'
import { sentHeads } from '../sqlite/migrations/prediction-log/0004-sent-heads.ts'
import { shadows } from '../sqlite/migrations/prediction-log/0005-shadows.ts'
import { byContext } from '../sqlite/migrations/prediction-log/0006-by-context.ts'
import { kinds } from '../sqlite/migrations/prediction-log/0007-kinds.ts'
import { measures } from '../sqlite/migrations/prediction-log/0008-measures.ts'
import { blocks } from '../sqlite/migrations/prediction-log/0009-blocks.ts'
import { sendersEndpoints } from '../sqlite/migrations/prediction-log/0010-senders-endpoints.ts'
import { trimmed } from '../sqlite/migrations/prediction-log/0011-trimmed.ts'

export const predictionLogMigrations: readonly Migration[] = [
  predictions,
  rowValues,
  outcomesByCommit,
  sentHeads,
  shadows,
  byContext,
  kinds,
  measures,
  blocks,
  sendersEndpoints,
  trimmed,
]
