/** Where a server that runs is found, for people and for programs. */
import { hostAndPort } from '../core/host-and-port.ts'
import { fromHere } from './reached-at.ts'
import type { Address, RunningServer } from './start-server.ts'

type Found = Pick<RunningServer, 'inference' | 'control' | 'grpc' | 'keyFile'>

export function addressesText({ inference, control, grpc, keyFile }: Found): string {
  const third = grpc === null ? '' : `grpc ${hostAndPort(grpc)}  `
  const found = `inference ${urlOf(inference)}  control ${urlOf(control)}  ${third}(Ctrl-C ends it)\n`
  return keyFile === null ? found : `${found}${firstKeyText(keyFile, control)}`
}

/** One line, since the process goes on. */
export function addressesJson({ inference, control, grpc, keyFile }: Found): string {
  const found = { inference: urlOf(inference), control: urlOf(control), grpc: grpc && hostAndPort(grpc), keyFile }
  return `${JSON.stringify(found)}\n`
}

export function urlOf(address: Address): string {
  return `${address.secure ? 'https' : 'http'}://${hostAndPort(address)}`
}

/** To be copied as it stands: another address than the usual one is in it. */
function firstKeyText(file: string, control: Address): string {
  const url = urlOf(fromHere(control))
  const server = url === usualControl ? '' : ` --server ${url}`
  return `keys are needed; the first one is made on this machine: CUTOVER_API_KEY_FILE=${file} cutover keys create NAME --role admin${server}\n`
}

const usualControl = 'http://127.0.0.1:8081'
