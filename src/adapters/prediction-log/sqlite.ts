import { openSqlPredictionLog } from './sql.ts'

type Options = Omit<Parameters<typeof openSqlPredictionLog>[0], 'place'> & { file: string }

/** The prediction log in a SQLite file, which is made where there is none. */
export function openSqlitePredictionLog({ file, ...options }: Options): ReturnType<typeof openSqlPredictionLog> {
  return openSqlPredictionLog({ ...options, place: { kind: 'sqlite', file } })
}
