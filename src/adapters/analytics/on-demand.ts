import type { Analytics } from '../../ports/analytics.ts'

/**
 * Opened by the first question: who asks none needs no copy of the log. Opened again by the next one where it was lost, as
 * `open` tells by calling `onLost`; an answer that is being read then fails.
 */
export function analyticsOnDemand(open: (onLost: () => void) => Promise<Analytics>): Analytics {
  let opened: Promise<Analytics> | null = null
  const ready = (): Promise<Analytics> => {
    opened ??= openOnce()
    return opened
  }
  const openOnce = (): Promise<Analytics> => {
    const forget = (): void => {
      if (opened === opening) opened = null
    }
    const opening = open(forget)
    opening.catch(forget)
    return opening
  }
  return {
    summarise: async query => (await ready()).summarise(query),
    offPolicyRows: async (query, each) => (await ready()).offPolicyRows(query, each),
    close: async () => {
      await (await opened?.catch(() => null))?.close()
    },
  }
}
