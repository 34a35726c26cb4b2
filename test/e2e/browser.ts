/** A real browser with nothing in it, for the dashboard; it tells what went wrong in its page and where it reached. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { root, run } from './process.ts'

export type Browser = {
  page: Page
  /** What the console called an error, and what no code caught. */
  errors: string[]
  /** Every address that was asked for. */
  asked: string[]
  close(): Promise<void>
}

const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function openBrowser(): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-browser-'))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    args: quiet,
    viewport: { width: 1280, height: 900 },
  })
  const page = context.pages()[0] ?? (await context.newPage())
  page.setDefaultTimeout(45_000)
  const [errors, asked]: [string[], string[]] = [[], []]
  page.on('console', message => {
    if (message.type() === 'error') errors.push(message.text())
  })
  page.on('pageerror', error => errors.push(error.message))
  page.on('request', request => asked.push(request.url()))
  return {
    page,
    errors,
    asked,
    async close() {
      await context.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** As `npm ci` does; what a server shows is what stands in the sources now. */
export async function buildDashboard(): Promise<void> {
  const { code, stderr } = await run([join(root, 'scripts/prepare.js')])
  if (code !== 0 || stderr !== '') throw new Error(`the dashboard was not built: ${stderr}`)
}
