/** Every page with its address: the navigation and the router are both made of this table. */
import type { ComponentType } from 'react'
import { AdvisorPage } from './pages/advisor/advisor-page.tsx'
import { FlagPage } from './pages/flags/flag-page.tsx'
import { FlagsPage } from './pages/flags/flags-page.tsx'
import { SegmentPage } from './pages/flags/segment-page.tsx'
import { OverviewPage } from './pages/overview/overview-page.tsx'
import { ReleasePage } from './pages/release/release-page.tsx'

export type Route = {
  /** As wouter writes it; what `:name` stands for is read by `useParams`. */
  path: string
  page: ComponentType
  /** The word in the navigation; without one the page is reached from others. */
  title?: string
}

export const routes: readonly Route[] = [
  { path: '/', page: OverviewPage, title: 'Overview' },
  { path: '/advisor', page: AdvisorPage, title: 'Advisor' },
  { path: '/flags', page: FlagsPage, title: 'Flags' },
  { path: '/flags/segments/:name', page: SegmentPage },
  { path: '/flags/:name', page: FlagPage },
  { path: '/releases/:id', page: ReleasePage },
]
