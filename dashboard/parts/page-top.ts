/**
 * What a browser does with pages of a server, and a page that replaces its own content does not get: a new page begins at
 * its top, and the keyboard in it. Going back is left to the browser, which knows the place that was left.
 */
import { useEffect, useRef } from 'react'
import { useLocation } from 'wouter'

let cameBackTo: string | null = null
// Before the router hears of it, since that renders at once. Jumps within a page come here too.
addEventListener('popstate', () => {
  cameBackTo = window.location.pathname
})

export function useNewPageAtTop(): void {
  const [location] = useLocation()
  const shown = useRef(location)
  useEffect(() => {
    if (shown.current === location) return
    shown.current = location
    const isBack = cameBackTo === window.location.pathname
    cameBackTo = null
    if (isBack) return
    window.scrollTo(0, 0)
    document.getElementById('content')?.focus({ preventScroll: true })
  }, [location])
}
