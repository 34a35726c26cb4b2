/** The one way in which pages read: a path of the API and the schema of its answer. */
import { keepPreviousData, type UseQueryResult, useQuery } from '@tanstack/react-query'
import type { z } from 'zod'
import { type AskError, ask } from './client.ts'

/** What moves by itself is asked for again this often, while the page is looked at. */
export const liveMs = 2_000

export type Read<Answer> = UseQueryResult<Answer, AskError>

type Options = {
  /** Asks again at this pace; `liveMs` for what moves by itself. */
  everyMs?: number
  /** False: not yet. */
  enabled?: boolean
}

/** What another path answered is never shown in the meantime: it is another flag or another release, with its buttons. */
export function useRead<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  { everyMs, enabled = true }: Options = {},
): Read<z.output<Schema>> {
  return useQuery<z.output<Schema>, AskError>({
    queryKey: [path],
    queryFn: ({ signal }) => ask({ path }, schema, signal),
    enabled,
    ...(everyMs !== undefined && { refetchInterval: everyMs }),
  })
}

/** A question that comes with a body and changes nothing; asked anew when the body is another one. */
export function useQuestion<Schema extends z.ZodType>(
  { path, body }: { path: string; body: unknown },
  schema: Schema,
  { enabled = true }: { enabled?: boolean } = {},
): Read<z.output<Schema>> {
  return useQuery<z.output<Schema>, AskError>({
    queryKey: [path, body],
    queryFn: ({ signal }) => ask({ method: 'POST', path, body }, schema, signal),
    enabled,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
  })
}
