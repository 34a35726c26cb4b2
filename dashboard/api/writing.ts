/** The one way in which pages change something. */
import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import { type Ask, type AskError, ask } from './client.ts'

export type Write<Input, Answer> = UseMutationResult<Answer, AskError, Input>

/**
 * `toAsk` makes the request of what `mutate` is given. Everything that is shown is read anew afterwards, unless
 * `changes` is false: of a question that comes with a body, or a dry run.
 */
export function useWrite<Input, Schema extends z.ZodType>(
  toAsk: (input: Input) => Ask,
  schema: Schema,
  { changes = true }: { changes?: boolean } = {},
): Write<Input, z.output<Schema>> {
  const queries = useQueryClient()
  return useMutation<z.output<Schema>, AskError, Input>({
    mutationFn: input => ask(toAsk(input), schema),
    onSuccess: async () => {
      if (changes) await queries.invalidateQueries()
    },
  })
}
