/** Questions to a person at a terminal; a test answers them by itself. */

export type Choice = { value: string; label: string }

/** Each answers null where the person leaves it open, and throws `QuestionsEnded` where they end all of it. */
export type Prompts = {
  choose(question: { message: string; choices: readonly Choice[] }): Promise<string | null>
  /** `check` says what is wrong with a text; null if nothing is. */
  write(question: { message: string; example: string; check(text: string): string | null }): Promise<string | null>
}

export class QuestionsEnded extends Error {}

/** Loaded when a person is asked: a script needs none of it. */
export async function terminalPrompts(): Promise<Prompts> {
  const { isCancel, select, text } = await import('@clack/prompts')
  const answered = (answer: unknown): string | null => {
    if (isCancel(answer)) throw new QuestionsEnded('no answer')
    return typeof answer === 'string' && answer !== '' ? answer : null
  }
  return {
    async choose({ message, choices }) {
      const open = { value: '', label: 'I do not know' }
      return answered(await select({ message, options: [...choices, open] }))
    },
    async write({ message, example, check }) {
      const validate = (typed: string | undefined) =>
        typed === undefined || typed === '' ? undefined : (check(typed) ?? undefined)
      return answered(await text({ message, placeholder: `such as ${example}; empty to leave it open`, validate }))
    },
  }
}
