/**
 * The dashboard: pages in a browser that ask the control API and nothing else. It decides nothing, computes no statistic and
 * keeps nothing but an API key, for as long as its tab is open.
 */
import './api/without-eval.ts'
import './styles/base.css'
import './styles/parts.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'

const place = document.getElementById('page')
if (place === null) throw new Error('index.html has no place for the page')
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
