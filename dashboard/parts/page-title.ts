/** What a tab, a bookmark and the history of a browser call a page: without it ten open releases look the same. */
import { useEffect } from 'react'

const product = 'Cutover'

/** Null where the page is the product's own front. */
export function usePageTitle(words: string | null): void {
  useEffect(() => {
    document.title = words === null ? product : `${words} · ${product}`
  }, [words])
}
