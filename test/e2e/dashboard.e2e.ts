/** The dashboard in a browser, on a real server: nothing goes wrong in its console, and it asks nobody else. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator } from 'playwright-core'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type Browser, buildDashboard, openBrowser } from './browser.ts'
import { getJson, openWorkplace, root, until, type Workplace } from './process.ts'

let place: Workplace
let browser: Browser
beforeAll(buildDashboard)
beforeEach(async () => {
  place = await openWorkplace()
  browser = await openBrowser()
})
afterEach(async () => {
  await browser.close()
  await place.close()
})

const endpoint = `kind: Endpoint
name: digits
stable: v1
versions:
  v1: { onnx: ${root}/examples/digits/models/v1.onnx }
  v2: { onnx: ${root}/examples/digits/models/v2.onnx }
  v3: { onnx: ${root}/examples/digits/models/v3.onnx }
metrics:
  conversion: { type: mean, of: converted, unit-level: true }
`

const text = async (place: Locator): Promise<string> => (await place.textContent()) ?? ''

/** The hosts that the page reached. */
const hosts = () => [...new Set(browser.asked.map(url => new URL(url).host))]

it('shows what runs, advises by the form, and starts and takes back what was advised', async () => {
  const server = await place.serve(['-c', place.write('cutover.yaml', endpoint)])
  const { page, errors } = browser
  await page.goto(server.controlUrl)
  const card = page.getByRole('article', { name: 'Endpoint digits' })
  await card.getByText('ready, 1 of 1').waitFor()
  expect(await text(card)).toContain('stable version v1')

  await page.getByRole('navigation').getByRole('link', { name: 'Advisor' }).click()
  const form = page.getByRole('form', { name: 'What only you know' })
  const answer = (question: RegExp, word: string) =>
    form.getByRole('group', { name: question }).getByRole('radio', { name: word, exact: true }).check()
  await form
    .getByRole('group', { name: /Which versions/ })
    .getByRole('checkbox', { name: 'v2' })
    .check()
  await answer(/May users meet/, 'no')
  await answer(/How complex/, 'complex')
  await form.getByLabel('How soon must a decision fall?').fill('soon')
  await form.getByRole('button', { name: 'Advise' }).click()
  await form.getByText('is not a duration').waitFor()
  await form.getByLabel('How soon must a decision fall?').fill('7d')
  await form.getByRole('button', { name: 'Advise' }).click()

  // The advice before these answers was a canary.
  const plan = page.getByRole('article', { name: 'Plan 1' })
  await plan.getByRole('heading', { name: /^1\. shadow/ }).waitFor()
  const said = await text(plan)
  expect(said).toContain('Best fit')
  expect(said).toContain('copies of live requests, before anybody meets it')
  expect(said).toMatch(/at most \d+ instances, \d+ more than today/)
  expect(said).toMatch(/Sample, requests[\d\u202f]+In a single look/)
  const file = parse(await text(plan.locator('[data-part=release-file]')))
  expect(file).toMatchObject({ kind: 'Release', endpoint: 'digits', to: 'v2' })
  const trial = await fetch(`${server.controlUrl}/api/v1/releases?dryRun=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(file),
  })
  expect([trial.status, await trial.json()]).toEqual([200, expect.objectContaining({ action: 'started' })])

  await plan.getByRole('button', { name: 'Try it without starting' }).click()
  await plan.getByText('The server would take it').waitFor()
  expect((await getJson(`${server.controlUrl}/api/v1/releases`)).items).toEqual([])
  await plan.getByRole('button', { name: 'Start this release' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Start it' }).click()
  await page.getByRole('heading', { name: 'digits-1' }).waitFor()
  expect((await getJson(`${server.controlUrl}/api/v1/releases/digits-1`)).actor).toBe('dashboard')

  await page.getByRole('button', { name: 'Roll back' }).click()
  const question = page.getByRole('dialog')
  await question.getByLabel('Why').fill('only tried')
  await question.getByRole('button', { name: 'Roll back' }).click()
  await page.getByText('rolled-back', { exact: true }).waitFor()
  expect(await text(page.getByRole('list').last())).toContain('only tried')
  // The address of a page can be opened by itself.
  await page.reload()
  await page.getByRole('heading', { name: 'digits-1' }).waitFor()

  expect(errors).toEqual([])
  expect(hosts()).toEqual([new URL(server.controlUrl).host])
})

it('tells an alarm of a stable version, and of several candidates whose each check is', async () => {
  const watched = `${endpoint}monitor: { error-rate: { max: 1% } }\n`
  const test = `---
${endpoint.replace('name: digits', 'name: shop')}---
kind: Release
endpoint: shop
to: v2
guardrails: { error-rate: { margin: 1pp } }
stages:
  - abTest:
      variants: [v2, v3]
      split: { v2: 20%, v3: 20% }
      goal: { metric: conversion, improve: increase, minimum-effect: 10% }
`
  const server = await place.serve(['-c', place.write('cutover.yaml', `${watched}${test}`)])
  const refused = { method: 'POST', body: '{}' }
  for (let count = 0; count < 60; count += 1) await fetch(`${server.inferenceUrl}/v2/models/digits/infer`, refused)
  const { page, errors } = browser
  await page.goto(server.controlUrl)
  const monitoring = page.getByRole('article', { name: 'Endpoint digits' }).getByRole('region', { name: 'Monitoring' })
  await monitoring.getByText('breached').waitFor()
  expect(await text(monitoring)).toContain('error-rate broke its limit')
  const shop = page.getByRole('article', { name: 'Endpoint shop' })
  for (const variant of ['v2', 'v3']) {
    await shop.getByText(`${variant}: error-rate guardrail`).waitFor()
    await shop.getByText(`${variant}: conversion goal`).waitFor()
  }
  const tints = await shop.locator('.traffic rect').evaluateAll(parts => parts.map(part => getComputedStyle(part).fill))
  expect(new Set(tints).size).toBe(3)

  await shop.getByRole('link', { name: 'shop-1' }).click()
  await page.getByText('Goal', { exact: true }).waitFor()
  expect(errors).toEqual([])
})

it('where the server asks for a key, asks for it, keeps it for the tab alone, and says what the key may not', async () => {
  const server = await place.serve(['-c', place.write('cutover.yaml', endpoint), '--control-auth', 'required'])
  const root = readFileSync(join(place.folder, 'data/control.key'), 'utf8').trim()
  const made = await fetch(`${server.controlUrl}/api/v1/keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${root}` },
    body: JSON.stringify({ name: 'reader', role: 'read' }),
  })
  const { key } = (await made.json()) as { key: string }
  const { page, errors } = browser
  await page.goto(`${server.controlUrl}/advisor`)
  const field = page.getByLabel('API key')
  await field.fill('ck_wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('does not take the key').waitFor()
  await field.fill(key)
  await page.getByRole('button', { name: 'Sign in' }).click()
  const plan = page.getByRole('article', { name: 'Plan 1' })
  await plan.waitFor()

  await page.reload()
  await plan.getByRole('button', { name: 'Try it without starting' }).click()
  await plan.getByText('has the role read, which may not change anything').waitFor()
  const kept = await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie])
  expect(kept).toEqual([1, 0, ''])
  await page.getByRole('button', { name: 'Sign out' }).click()
  await field.waitFor()
  await until(async () => (await page.evaluate(() => sessionStorage.length)) === 0)

  // A browser calls every refusal an error; there is no other.
  expect(errors.filter(text => !/status of 40[13]/.test(text))).toEqual([])
  expect(hosts()).toEqual([new URL(server.controlUrl).host])
})
