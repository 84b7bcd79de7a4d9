import { readFileSync } from 'node:fs'
import type { IP } from '#ip/ip.ts'
import { isValid, validAttachments } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { CNIError, fail } from '../../protocol/cni-error.ts'
import { type CNIAddress, EMPTY_RESULT } from '../../protocol/result.ts'
import type { Plugin } from '../plugin.ts'
import { type AddressFiles, isOwnedBy, type Owner, withAddressFiles } from './address-files.ts'
import { type HostLocalConfig, parseConfig } from './config.ts'
import {
  type Candidate,
  candidates,
  describeRangeSet,
  type RangeSet,
  rangeContains,
} from './ranges.ts'
import { parseResolvConf } from './resolv-conf.ts'

/** IPAM from ranges, remembered in files of this node. */
export const hostLocal: Plugin = {
  async add(call) {
    const config = parseConfig(call)
    const { resolvConf, routes } = config
    const dns = resolvConf ? parseResolvConf(readFileSync(resolvConf, 'utf8')) : {}
    const ips = await withAddressFiles(config, (files) => allocateAll(config, ownerOf(call), files))
    return { ...EMPTY_RESULT, ips, routes, dns }
  },
  async del(call) {
    await withAddressFiles(parseConfig(call), (files) => releaseAll(ownerOf(call), files))
  },
  async check(call) {
    const owner = ownerOf(call)
    const found = await withAddressFiles(parseConfig(call), (files) =>
      files.list().some((file) => isOwnedBy(file, owner)),
    )
    if (!found) {
      throw fail(`host-local: Failed to find address added by container ${owner.containerID}`)
    }
  },
  async gc(call) {
    const valid = validAttachments(call)
    await withAddressFiles(parseConfig(call), (files) => {
      for (const file of files.list()) {
        if (!isValid(valid, file)) files.release(file.address)
      }
    })
  },
  async status(call) {
    parseConfig(call)
  },
}

/** One address from each set, or none at all. */
function allocateAll(
  { rangeSets, requested }: HostLocalConfig,
  owner: Owner,
  files: AddressFiles,
): readonly CNIAddress[] {
  const held = files.list().filter((file) => isOwnedBy(file, owner))
  const wanted = new Set(requested)
  const reserved: CNIAddress[] = []
  try {
    for (const [index, set] of rangeSets.entries()) {
      const request = [...wanted].find((ip) => set.some((range) => rangeContains(range, ip)))
      if (request) wanted.delete(request)
      const { ip, range } = inRangeSet(index, () => {
        const duplicate = held.find(({ address }) => set.some((it) => rangeContains(it, address)))
        if (duplicate && !request) throw isHeld(duplicate.address, owner)
        return request
          ? reserveRequested(set, request, (it) => files.reserve(it, owner, index))
          : reserveNext(set, files.lastReserved(index), (it) => files.reserve(it, owner, index))
      })
      const address = { address: ip, prefixLength: range.subnet.prefixLength }
      reserved.push({ address, gateway: range.gateway })
    }
    if (wanted.size > 0) {
      throw fail(`failed to allocate all requested IPs: ${[...wanted].join(' ')}`)
    }
    return reserved
  } catch (error) {
    for (const { address } of reserved) files.release(address.address)
    throw error
  }
}

type Reserve = (address: IP) => boolean

function reserveNext(set: RangeSet, last: IP | undefined, reserve: Reserve): Candidate {
  for (const candidate of candidates(set, last)) if (reserve(candidate.ip)) return candidate
  throw fail(`no IP addresses available in range set: ${describeRangeSet(set)}`)
}

function reserveRequested(set: RangeSet, ip: IP, reserve: Reserve): Candidate {
  const range = set.find((each) => rangeContains(each, ip))!
  if (ip === range.gateway) throw fail(`requested ip ${ip} is subnet's gateway`)
  if (reserve(ip)) return { ip, range }
  const where = describeRangeSet(set)
  throw fail(`requested IP address ${ip} is not available in range set ${where}`)
}

function inRangeSet<T>(index: number, fn: () => T): T {
  try {
    return fn()
  } catch (cause) {
    if (!(cause instanceof CNIError)) throw cause
    throw fail(`failed to allocate for range ${index}: ${cause.message}`)
  }
}

function releaseAll(owner: Owner, files: AddressFiles): void {
  for (const file of files.list()) if (isOwnedBy(file, owner)) files.release(file.address)
}

function isHeld(address: IP, { containerID }: Owner): CNIError {
  return fail(
    `${address} has been allocated to ${containerID}, duplicate allocation is not allowed`,
  )
}

function ownerOf({ containerID, ifname }: CNICall): Owner {
  return { containerID, ifname }
}
