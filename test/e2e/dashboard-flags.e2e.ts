/** The pages of flags in a real browser, before a real server: what a person does there is what callers get. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Browser, buildDashboard, openBrowser } from './browser.ts'
import { getJson, openWorkplace, type ServerProcess, type Workplace } from './process.ts'

/** Looks at a page until it is so; a machine under test is slow. */
const timeout = 15_000

let place: Workplace
let server: ServerProcess
let browser: Browser
let page: Page

beforeAll(async () => {
  await buildDashboard()
  place = await openWorkplace()
  server = await place.serve()
  browser = await openBrowser()
  page = browser.page
}, 120_000)
afterAll(async () => {
  await browser.close()
  await place.close()
})

const apply = async (...documents: object[]) => {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify(documents)
  expect((await fetch(`${server.controlUrl}/api/v1/apply`, { method: 'POST', headers, body })).status).toBe(200)
}

/** As an SDK asks. */
async function served(context: object): Promise<{ value: unknown; reason: string }> {
  const answer = await fetch(`${server.inferenceUrl}/ofrep/v1/evaluate/flags/ranker`, {
    method: 'POST',
    body: JSON.stringify({ context }),
  })
  return (await answer.json()) as { value: unknown; reason: string }
}

const ann = { targetingKey: 'ann', plan: 'free' }
const button = (name: string | RegExp) => page.getByRole('button', { name })
const dialog = () => page.getByRole('dialog')
const region = (name: string) => page.getByRole('region', { name, exact: true })

it('a flag is found, killed, brought back, shared out and tried, and its history tells all of it', async () => {
  await apply(
    { kind: 'Segment', name: 'beta', include: ['ann'] },
    {
      kind: 'Flag',
      name: 'ranker',
      description: 'Ranks by the model of autumn',
      rules: [{ name: 'pros', when: [{ segment: 'beta' }, { attribute: 'plan', equals: 'pro' }], serve: 'off' }],
      serve: 'on',
    },
    { kind: 'Flag', name: 'web:other' },
  )
  await page.goto(`${server.controlUrl}/flags`)
  await page.getByLabel('Filter').fill('autumn')
  await expect.poll(() => page.getByRole('link', { name: 'web:other' }).count(), { timeout }).toBe(0)
  await page.getByRole('link', { name: 'ranker' }).first().click()
  await page.getByText('When in segment beta and plan in pro').waitFor()

  // The kill switch, and its undo.
  expect(await served(ann)).toMatchObject({ value: true })
  await button('Kill switch…').click()
  await dialog().getByLabel('Why').fill('alarms')
  await dialog().getByRole('button', { name: 'Switch it off' }).click()
  await page.getByText('Killed', { exact: true }).waitFor()
  expect(await served(ann)).toMatchObject({ value: false, reason: 'DISABLED' })
  await region('History').getByText('switched it off: alarms').waitFor()
  await button('Undo the kill').click()
  await page.getByText('On', { exact: true }).waitFor()
  expect(await served(ann)).toMatchObject({ value: true })
  await region('History').getByText('brought it back to revision 1').waitFor()
  const [undone] = await region('History')
    .getByRole('listitem')
    .filter({ hasText: 'brought it back' })
    .allTextContents()
  expect(undone?.replaceAll(/\s+/g, ' ')).toContain('−enabled false+enabled true')

  // What the server refuses stands at its field, in its words.
  const shares = region('Change the shares')
  await shares.getByLabel('on', { exact: true }).fill('lots')
  await shares.getByRole('button', { name: 'Change' }).click()
  await shares.getByText('is not a percentage; allowed: 0% to 100%').waitFor()
  await shares.getByLabel('off', { exact: true }).fill('90')
  await expect.poll(() => shares.getByLabel('on', { exact: true }).inputValue(), { timeout }).toBe('10')
  await shares.getByLabel('Why').fill('a tenth')
  await shares.getByRole('button', { name: 'Change' }).click()
  await shares.getByText('Changed.').waitFor()
  await region('History').getByText('changed it: a tenth').waitFor()
  expect((await getJson(`${server.controlUrl}/api/v1/flags/ranker`)).serving.weightsPpm).toEqual({
    on: 100_000,
    off: 900_000,
  })

  // What a context gets is what its caller gets.
  const trial = region('Try it')
  await button('+ Another attribute').click()
  await trial.getByLabel('Name of attribute 2').fill('plan')
  await trial.getByLabel('Value of plan').fill('free')
  await trial.getByRole('button', { name: 'What would it be?' }).click()
  await trial.getByText('by its share of a rollout').waitFor()
  expect(await trial.locator('dd').first().textContent()).toBe(String((await served(ann)).value))
  await trial.getByRole('button', { name: 'Write it as JSON' }).click()
  await trial.getByLabel('Context').fill('{ "targetingKey": "ann", "plan": "pro" }')
  await trial.getByRole('button', { name: 'What would it be?' }).click()
  // The rule's name stands elsewhere too: the answer is waited for where it comes.
  await expect.poll(() => trial.locator('dd').allTextContents()).toEqual(['false', 'off', 'rule pros'])

  // Somebody else changes it while the dialog is open: their change is not taken back unseen.
  await button('Undo the last change…').click()
  await dialog().getByText('back to revision 3').waitFor()
  expect((await place.cutover(['flags', 'set', 'ranker', 'on'])).code).toBe(0)
  await expect
    .poll(async () => (await region('History').allTextContents()).join().includes('cli:'), { timeout })
    .toBe(true)
  await dialog().getByRole('button', { name: 'Take it back' }).click()
  await dialog()
    .getByText(/is at revision 5 and not at 4/)
    .waitFor()
  await dialog().getByRole('button', { name: 'Not now' }).click()
  expect((await getJson(`${server.controlUrl}/api/v1/flags/ranker`)).revision).toBe(5)
  // A browser calls what the server refused an error; nothing else went wrong.
  expect(browser.errors.filter(text => !/the server responded with a status of (400|409) /.test(text))).toEqual([])
})

it('a deleted flag still has its history, and comes back from there', async () => {
  await page.goto(`${server.controlUrl}/flags`)
  await page.getByRole('link', { name: 'web:other' }).click()
  await page.getByRole('heading', { name: 'web:other' }).waitFor()
  expect((await place.cutover(['delete', 'flag', 'web:other'])).code).toBe(0)
  await region('History').getByText('deleted it').waitFor()
  await button('Undo the last change…').click()
  await dialog().getByText('back from its deletion').waitFor()
  await dialog().getByRole('button', { name: 'Take it back' }).click()
  await region('Variants').waitFor()
  expect((await getJson(`${server.controlUrl}/api/v1/flags/web:other`)).revision).toBe(3)
})

it('a flag is made of a name and a share, and none that there is is changed so', async () => {
  await page.goto(`${server.controlUrl}/flags`)
  await page.getByRole('link', { name: 'web:other' }).waitFor()
  await button('New flag…').click()
  const form = region('New flag')
  await form.getByLabel('Name').fill('web:other')
  await form.getByRole('button', { name: 'Make it' }).click()
  await form.getByText('is the name of a flag that there is').waitFor()
  // Somebody else makes one while the form is open, and the list is as it was.
  const list = (await (await fetch(`${server.controlUrl}/api/v1/flags`)).json()) as object
  await page.route('**/api/v1/flags', route =>
    route.request().method() === 'GET' ? route.fulfill({ json: list }) : route.continue(),
  )
  await apply({ kind: 'Flag', name: 'meanwhile', type: 'string', variants: { a: 'A', b: 'B' }, serve: 'a' })
  await form.getByLabel('Name').fill('meanwhile')
  await form.getByRole('button', { name: 'Make it' }).click()
  await form.getByText('is the name of a flag that there is').waitFor()
  expect((await getJson(`${server.controlUrl}/api/v1/flags/meanwhile`)).type).toBe('string')
  await page.unroute('**/api/v1/flags')
  await form.getByLabel('Name').fill('no name')
  await form.getByLabel('On for').fill('lots')
  await form.getByRole('button', { name: 'Make it' }).click()
  await form.getByText('is not a percentage').waitFor()
  await form.getByLabel('Name').fill('fresh')
  await form.getByLabel('On for').fill('12.5')
  await form.getByRole('button', { name: 'Make it' }).click()
  await page.getByRole('heading', { name: 'fresh' }).waitFor()
  const { revision, serving } = await getJson(`${server.controlUrl}/api/v1/flags/fresh`)
  expect([revision, serving.weightsPpm]).toEqual([1, { on: 125_000, off: 875_000 }])
  expect((await getJson(`${server.controlUrl}/api/v1/flags/web:other`)).revision).toBe(3)
})

it('a segment tells who is in it, and goes back by one step', async () => {
  await apply({ kind: 'Segment', name: 'beta', include: ['bob'] })
  await page.goto(`${server.controlUrl}/flags/segments/beta`)
  await page.getByRole('listitem').filter({ hasText: /^bob$/ }).waitFor()
  await button('Undo the last change…').click()
  await dialog().getByText('back to revision 1').waitFor()
  await dialog().getByRole('button', { name: 'Take it back' }).click()
  await page.getByRole('listitem').filter({ hasText: /^ann$/ }).waitFor()
  expect((await getJson(`${server.controlUrl}/api/v1/segments/beta`)).include).toEqual(['ann'])
  expect([...new Set(browser.asked.map(url => new URL(url).origin))]).toEqual([server.controlUrl])
})
