/** What holds for every page of the dashboard: long names, the tab's title, where a page begins, what a question leaves. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Browser, buildDashboard, openBrowser } from './browser.ts'
import { openWorkplace, type ServerProcess, type Workplace } from './process.ts'

let place: Workplace
let server: ServerProcess
let browser: Browser

/** As long as names may be, in one word. */
const long = (letter: string) => letter.repeat(63)
const model = (name: string) => ({
  onnx: new URL(`../../examples/digits/models/${name}.onnx`, import.meta.url).pathname,
})
const endpoint = {
  kind: 'Endpoint',
  name: long('e'),
  stable: 'v1',
  versions: { v1: model('v1'), [long('v')]: model('v2') },
  metrics: { [long('m')]: { type: 'mean', of: 'money' } },
}
const flags = Array.from({ length: 60 }, (_, index) => ({ kind: 'Flag', name: `flag-${index + 100}` }))
const release = `${endpoint.name}-1`

beforeAll(async () => {
  await buildDashboard()
  place = await openWorkplace()
  server = await place.serve()
  await post('/api/v1/apply', [
    endpoint,
    ...flags,
    { kind: 'Flag', name: 'last', requires: [{ flag: 'flag-100', is: 'on' }] },
  ])
  await post('/api/v1/releases', { endpoint: endpoint.name, to: long('v') })
  browser = await openBrowser()
}, 120_000)
afterAll(async () => {
  await browser.close()
  await place.close()
})

async function post(path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${server.controlUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  expect(answer.ok, await answer.text()).toBe(true)
}

async function open(path: string): Promise<void> {
  await browser.page.goto(`${server.controlUrl}${path}`)
}

it.each([
  ['/', `Release ${release}`],
  [`/releases/${release}`, 'Timeline'],
  ['/advisor', 'Every plan, ranked'],
])('names of 63 letters stay within a narrow %s', async (path, landmark) => {
  const { page } = browser
  await page.setViewportSize({ width: 390, height: 800 })
  await open(path)
  const shown =
    path === '/' ? page.getByRole('region', { name: landmark }) : page.getByRole('heading', { name: landmark })
  await shown.waitFor()
  const [content, screen] = await page.evaluate(() => [document.body.scrollWidth, document.body.clientWidth])
  expect(content).toBe(screen)
})

it('the steps of a canary stand in a row', async () => {
  const { page } = browser
  await page.setViewportSize({ width: 1280, height: 800 })
  await open(`/releases/${release}`)
  const steps = page.getByRole('list', { name: 'Steps' }).getByRole('listitem')
  await steps.first().waitFor()
  const tops = await steps.evaluateAll(items => items.map(item => item.getBoundingClientRect().top))
  expect(tops.length).toBeGreaterThan(1)
  expect(new Set(tops).size).toBe(1)
})

it.each([
  [`/releases/${release}`, `${release} · Cutover`],
  ['/flags/last', 'Flag last · Cutover'],
  ['/flags/segments/beta', 'Segment beta · Cutover'],
  ['/flags', 'Flags · Cutover'],
  ['/nowhere', 'There is no such page · Cutover'],
  ['/', 'Cutover'],
])('the tab of %s says what it shows', async (path, title) => {
  await open(path)
  await browser.page.waitForFunction(wanted => document.title === wanted, title)
})

it('a page begins at its top with the keyboard in it, and going back finds the place that was left', async () => {
  const { page } = browser
  await page.setViewportSize({ width: 1280, height: 500 })
  await open('/flags')
  const link = page.getByRole('link', { name: 'flag-150', exact: true })
  await link.scrollIntoViewIfNeeded()
  const left = await page.evaluate(() => scrollY)
  expect(left).toBeGreaterThan(500)
  await link.click()
  await page.getByRole('heading', { name: 'flag-150' }).waitFor()
  await page.waitForFunction(() => scrollY === 0 && document.activeElement?.id === 'content')
  await page.goBack()
  await page.waitForFunction(place => Math.abs(scrollY - place) < 50, left)
})

it('a page shows nothing of the flag before it while its own answer is on the way', async () => {
  const { page } = browser
  await open('/flags/last')
  let answer = () => {}
  const asked = new Promise<void>(resolve => {
    answer = resolve
  })
  await page.route('**/api/v1/flags/flag-100', async route => {
    await asked
    await route.continue()
  })
  await page.getByRole('link', { name: 'flag-100' }).first().click()
  await page.getByText('Asking the server').first().waitFor()
  expect(await page.getByRole('button', { name: 'Kill switch' }).count()).toBe(0)
  answer()
  await page.getByRole('heading', { name: 'flag-100' }).waitFor()
  await page.unroute('**/api/v1/flags/flag-100')
})

it('a question that is refused keeps what was written, and one that is closed gives the keyboard back', async () => {
  const { page } = browser
  await page.setViewportSize({ width: 1280, height: 800 })
  await open(`/releases/${release}`)
  const opener = page.getByRole('button', { name: 'Pause…' })
  await opener.click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Why').fill('a long story')
  const problem = {
    type: 'urn:cutover:conflict',
    title: 'No',
    status: 409,
    detail: 'another one was faster',
    code: 'conflict',
  }
  await page.route('**/pause', route => route.fulfill({ status: 409, json: problem }))
  await dialog.getByRole('button', { name: 'Pause' }).click()
  await dialog.getByText('Another one was faster.').waitFor()
  expect(await dialog.getByLabel('Why').inputValue()).toBe('a long story')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  expect(await opener.evaluate(button => button === document.activeElement)).toBe(true)
})

it('an address that names an endpoint that is gone is answered by no other one', async () => {
  const { page } = browser
  await open('/advisor?endpoint=gone')
  await page.getByText('There is no endpoint gone.').waitFor()
  expect(await page.getByRole('form').count()).toBe(0)
  await page.getByLabel('Endpoint').selectOption(endpoint.name)
  await page.getByRole('heading', { name: 'Every plan, ranked' }).waitFor()
})

it('a server that falls silent is told of, above what it said last', async () => {
  const { page } = browser
  await page.clock.install()
  await open(`/releases/${release}`)
  await page.getByRole('heading', { name: 'Timeline' }).waitFor()
  await page.route('**/api/v1/releases/**', () => {})
  for (let seconds = 0; seconds < 20; seconds += 1) await page.clock.runFor(1_000)
  await page.getByText('The server has not answered for 15 s. What is shown may be old.').waitFor()
  expect(await page.getByRole('heading', { name: 'Timeline' }).count()).toBe(1)
  await page.unrouteAll()
})
