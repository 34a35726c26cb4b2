/** A model that is put into a folder is served, without a word to the server. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { identityModel } from '../fixtures/onnx-model.ts'
import { getJson, openWorkplace, until, type Workplace } from './process.ts'

let place: Workplace
beforeEach(async () => {
  place = await openWorkplace()
})
afterEach(() => place.close())

const endpoint = `kind: Endpoint
name: echo
stable: v1
versions:
  v1: { onnx: v1.onnx }
registry:
  folder: { path: inbox, pattern: "echo-{version}.onnx" }
  every: 1s
  version: { onnx: "{path}" }
  release: { stages: [ { recreate: {} } ] }
`

it('a file in a folder becomes a version, its release promotes it, and a restart releases nothing again', async () => {
  mkdirSync(join(place.folder, 'inbox'))
  writeFileSync(join(place.folder, 'v1.onnx'), identityModel('FP32'))
  const file = place.write('cutover.yaml', endpoint)
  const first = await place.serve(['-c', file])
  copyFileSync(join(place.folder, 'v1.onnx'), join(place.folder, 'inbox', 'echo-2.onnx'))
  const read = async (url: string) => {
    const releases = await getJson(`${url}/api/v1/releases`)
    const endpoints = await getJson(`${url}/api/v1/endpoints/echo`)
    return {
      releases: releases['items'] as { to: string; actor: string }[],
      stable: endpoints['stable'],
    }
  }
  await until(async () => (await read(first.controlUrl)).stable === 'm2')
  expect(await read(first.controlUrl)).toMatchObject({
    stable: 'm2',
    releases: [{ to: 'm2', actor: `registry folder:${join(place.folder, 'inbox')}` }],
  })
  await first.kill()
  const second = await place.serve(['-c', file])
  await new Promise(resolve => setTimeout(resolve, 2_500))
  expect(await read(second.controlUrl)).toMatchObject({ stable: 'm2', releases: [{ to: 'm2' }] })
  expect((await read(second.controlUrl)).releases).toHaveLength(1)
})
