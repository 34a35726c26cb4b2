/** The frame around every page: navigation, the sign-in where the server asks for a key, and the page of the address. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { Link, Route, Switch, useLocation } from 'wouter'
import { keySession, signOut } from './api/key.ts'
import { usePageTitle } from './parts/page-title.ts'
import { useNewPageAtTop } from './parts/page-top.ts'
import { SignIn } from './parts/sign-in.tsx'
import { routes } from './routes.tsx'

const queries = new QueryClient({
  // A refusal is not another one for being asked again; what moves by itself is asked again anyway.
  defaultOptions: { queries: { retry: false }, mutations: { retry: false } },
})

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <a className="skip" href="#content">
        To the content
      </a>
      <div className="frame">
        <Header />
        <main id="content" tabIndex={-1}>
          <Content />
        </main>
      </div>
    </QueryClientProvider>
  )
}

function Header() {
  const { key } = useSyncExternalStore(keySession.subscribe, keySession.current)
  return (
    <header className="bar">
      <Link href="/" className="mark">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M6 21h7c5 0 4-10 9-10h4" />
        </svg>
        Cutover
      </Link>
      <nav aria-label="Pages">
        {routes.map(({ path, title }) => title !== undefined && <NavLink key={path} path={path} title={title} />)}
      </nav>
      {key !== null && (
        <button type="button" className="quiet" onClick={signOut}>
          Sign out
        </button>
      )}
    </header>
  )
}

function NavLink({ path, title }: { path: string; title: string }) {
  const [location] = useLocation()
  const isHere = path === '/' ? location === '/' : location === path || location.startsWith(`${path}/`)
  return (
    <Link href={path} aria-current={isHere ? 'page' : undefined}>
      {title}
    </Link>
  )
}

function Content() {
  const { isAsked } = useSyncExternalStore(keySession.subscribe, keySession.current)
  useNewPageAtTop()
  if (isAsked) return <SignIn onDone={() => queries.resetQueries()} />
  return (
    <Switch>
      {routes.map(({ path, page }) => (
        <Route key={path} path={path} component={page} />
      ))}
      <Route component={NoSuchPage} />
    </Switch>
  )
}

function NoSuchPage() {
  usePageTitle('There is no such page')
  return (
    <section className="page">
      <h1>There is no such page</h1>
      <p>
        <Link href="/">To the overview</Link>
      </p>
    </section>
  )
}
