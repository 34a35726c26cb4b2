import type { Analytics } from '../../ports/analytics.ts'

/** Opened by the first question: who asks none needs no copy of the log. */
export function analyticsOnDemand(open: () => Promise<Analytics>): Analytics {
  let opened: Promise<Analytics> | null = null
  const ready = (): Promise<Analytics> => {
    opened ??= open()
    return opened.catch((error: unknown) => {
      opened = null
      throw error
    })
  }
  return {
    summarise: async query => (await ready()).summarise(query),
    offPolicyRows: async (query, each) => (await ready()).offPolicyRows(query, each),
    close: async () => {
      await (await opened?.catch(() => null))?.close()
    },
  }
}
