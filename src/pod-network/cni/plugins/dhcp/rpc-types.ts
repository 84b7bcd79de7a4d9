import { type CIDR, cidr } from '#ip/cidr.ts'
import { type IP, ipFromBytes, ipToBytes } from '#ip/ip.ts'
import type { GobStruct, GobValue } from '#wire/gob/types.ts'
import type { CNIResult } from '../../protocol/result.ts'

/*
 * What the reference plugin and its daemon say to each other: Go's net/rpc over HTTP on a Unix socket, in gob. The names of fields are those
 * of rpc.Request and rpc.Response, of CNI's skel.CmdArgs and types100.Result; either side may be ours.
 */

export const REQUEST: GobStruct = {
  name: 'Request',
  fields: [
    ['ServiceMethod', 'string'],
    ['Seq', 'uint'],
  ],
}

export const RESPONSE: GobStruct = {
  name: 'Response',
  fields: [
    ['ServiceMethod', 'string'],
    ['Seq', 'uint'],
    ['Error', 'string'],
  ],
}

export const CMD_ARGS: GobStruct = {
  name: 'CmdArgs',
  fields: [
    ['ContainerID', 'string'],
    ['Netns', 'string'],
    ['IfName', 'string'],
    ['Args', 'string'],
    ['Path', 'string'],
    ['NetnsOverride', 'string'],
    ['StdinData', 'bytes'],
  ],
}

export const NOTHING: GobStruct = { name: '', fields: [] }

const IP_NET: GobStruct = {
  name: 'IPNet',
  fields: [
    ['IP', 'bytes'],
    ['Mask', 'bytes'],
  ],
}
const IP_CONFIG: GobStruct = {
  name: 'IPConfig',
  fields: [
    ['Address', IP_NET],
    ['Gateway', 'bytes'],
  ],
}
const ROUTE: GobStruct = {
  name: 'Route',
  fields: [
    ['Dst', IP_NET],
    ['GW', 'bytes'],
    ['Priority', 'int'],
    ['Scope', 'int'],
  ],
}

/** Without CNIVersion: what is left out stays as the caller has it, and that is its own. */
export const RESULT: GobStruct = {
  name: 'Result',
  fields: [
    ['IPs', { elements: IP_CONFIG }],
    ['Routes', { elements: ROUTE }],
  ],
}

type Lease = Pick<CNIResult, 'ips' | 'routes'>

export function encodeLease({ ips, routes }: Lease): GobValue {
  return {
    IPs: ips.map(({ address, gateway }) => ({
      Address: toNet(address),
      ...(gateway && { Gateway: ipToBytes(gateway) }),
    })),
    Routes: routes.map(({ destination, gateway, priority, scope }) => ({
      Dst: toNet(destination),
      ...(gateway && { GW: ipToBytes(gateway) }),
      ...(priority && { Priority: priority }),
      ...(scope && { Scope: scope }),
    })),
  }
}

/** @throws TypeError where the daemon said something else */
export function decodeLease(value: GobValue): Lease {
  const { IPs, Routes } = objectOf(value)
  return {
    ips: listOf(IPs).map((each) => {
      const { Address, Gateway } = objectOf(each)
      const gateway = fromIP(Gateway)
      return { address: fromNet(Address), ...(gateway && { gateway }) }
    }),
    routes: listOf(Routes).map((each) => {
      const { Dst, GW, Priority, Scope } = objectOf(each)
      const gateway = fromIP(GW)
      return {
        destination: Dst === undefined ? cidr('0.0.0.0/0') : fromNet(Dst),
        ...(gateway && { gateway }),
        ...(typeof Priority === 'number' && { priority: Priority }),
        ...(typeof Scope === 'number' && { scope: Scope }),
      }
    }),
  }
}

export function objectOf(value: GobValue): { readonly [field: string]: GobValue } {
  const isObject = typeof value === 'object' && !Array.isArray(value)
  if (!isObject || value instanceof Uint8Array) throw new TypeError('a struct is missing')
  return value as { readonly [field: string]: GobValue }
}

/** What is empty is left out. */
function listOf(value: GobValue): readonly GobValue[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value as readonly GobValue[]
  throw new TypeError('a list is missing')
}

function toNet({ address, prefixLength }: CIDR): GobValue {
  const bytes = ipToBytes(address)
  const mask = bytes.map((_, i) => {
    const bits = Math.max(0, Math.min(8, prefixLength - i * 8))
    return (0xff << (8 - bits)) & 0xff
  })
  return { IP: bytes, Mask: Uint8Array.from(mask) }
}

function fromNet(value: GobValue): CIDR {
  const { IP: bytes, Mask: mask } = objectOf(value)
  const address = fromIP(bytes)
  if (!address || !(mask instanceof Uint8Array)) throw new TypeError('an address is missing')
  const bits = [...mask].map((byte) => byte.toString(2).replaceAll('0', '').length)
  return { address, prefixLength: bits.reduce((sum, each) => sum + each, 0) }
}

/** Go keeps an IPv4 address in 4 bytes or, behind ::ffff:, in 16. */
function fromIP(value: GobValue): IP | undefined {
  if (!(value instanceof Uint8Array) || value.length === 0) return undefined
  const isMapped =
    value.length === 16 &&
    Buffer.from(value.subarray(0, 12)).toString('hex') === '00000000000000000000ffff'
  if (value.length !== 4 && value.length !== 16)
    throw new TypeError('an IP address has 4 or 16 bytes')
  return ipFromBytes(isMapped ? value.subarray(12) : value)
}
