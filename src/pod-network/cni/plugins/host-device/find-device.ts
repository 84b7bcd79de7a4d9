import { existsSync, globSync, readdirSync, realpathSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseMAC } from '#ip/mac.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'

/** Which link of the node is meant: each way is tried in this order, and the first that is said decides. */
export interface DeviceSelector {
  readonly device?: string
  readonly hwaddr?: string
  readonly kernelPath?: string
  readonly pciBusID?: string
  /** On the auxiliary bus (/sys/bus/auxiliary). */
  readonly auxiliary?: string
  /** Taken over by a driver in user space (DPDK): there is no link to be moved. */
  readonly isUserspace: boolean
}

const PCI = '/sys/bus/pci/devices'
const AUXILIARY = '/sys/bus/auxiliary/devices'
const USERSPACE_DRIVERS = ['vfio-pci', 'uio_pci_generic', 'igb_uio']

/** @throws CNIError with upstream's messages (plugins/main/host-device/host-device.go) */
export function parseDeviceSelector({ config }: CNICall): DeviceSelector {
  const [device, hwaddr] = [config.text('device'), config.text('hwaddr')]
  const kernelPath = config.text('kernelpath')
  const deviceID = config.object('runtimeConfig').text('deviceID')
  const byID = deviceID ? selectByID(deviceID) : {}
  const pciBusID = 'auxiliary' in byID ? undefined : (byID.pciBusID ?? config.text('pciBusID'))
  if (!device && !hwaddr && !kernelPath && !pciBusID && !('auxiliary' in byID)) {
    throw fail('specify either "device", "hwaddr", "kernelpath" or "pciBusID"')
  }
  return {
    ...(device && { device }),
    ...(hwaddr && { hwaddr }),
    ...(kernelPath && { kernelPath }),
    ...(pciBusID && { pciBusID }),
    ...byID,
    isUserspace: pciBusID ? hasUserspaceDriver(pciBusID) : false,
  }
}

function selectByID(id: string): { readonly pciBusID?: string } | { readonly auxiliary: string } {
  if (isName(id) && existsSync(join(PCI, id))) return { pciBusID: id }
  if (isName(id) && existsSync(join(AUXILIARY, id))) return { auxiliary: id }
  throw fail(`runtime config DeviceID ${id} not found or unsupported`)
}

function hasUserspaceDriver(pciBusID: string): boolean {
  if (!isName(pciBusID) || !existsSync(join(PCI, pciBusID, 'driver'))) {
    const path = join(PCI, basename(pciBusID), 'driver')
    throw fail(`error with host device: lstat ${path}: no such file or directory`)
  }
  return USERSPACE_DRIVERS.includes(basename(realpathSync(join(PCI, pciBusID, 'driver'))))
}

/** @throws CNIError where there is no such link */
export function findDevice(selector: DeviceSelector, rtnetlink: Rtnetlink): Link {
  const found = lookUp(selector, rtnetlink)
  if (found) return found
  throw fail(`failed to find host device: ${whyNotFound(selector)}`)
}

function lookUp(
  { device, hwaddr, kernelPath, pciBusID, auxiliary }: DeviceSelector,
  rtnetlink: Rtnetlink,
): Link | undefined {
  if (device) return rtnetlink.link(device)
  if (hwaddr) {
    const wanted = parseMAC(hwaddr)
    if (!wanted) throw fail(`failed to parse MAC address "${hwaddr}": invalid MAC address`)
    return rtnetlink.links().find(({ mac }) => mac === wanted)
  }
  if (kernelPath) {
    if (resolve(kernelPath) !== kernelPath || !kernelPath.startsWith('/sys/devices/')) {
      throw fail(`kernel device path "${kernelPath}" must be absolute and begin with /sys/devices/`)
    }
    return linkBelow(join(kernelPath, 'net'), rtnetlink)
  }
  if (auxiliary) return linkBelow(join(AUXILIARY, auxiliary, 'net'), rtnetlink)
  if (!pciBusID) return undefined
  const folder = join(PCI, pciBusID)
  const [net = globSync('virtio*/net', { cwd: folder })[0]] = globSync('net', { cwd: folder })
  if (!net) throw fail(`failed to find host device: no net directory under pci device ${pciBusID}`)
  return linkBelow(join(folder, net), rtnetlink)
}

function linkBelow(folder: string, rtnetlink: Rtnetlink): Link | undefined {
  const names = existsSync(folder) ? readdirSync(folder) : []
  if (names[0] === undefined) {
    throw fail(`failed to find host device: failed to find network device in path ${folder}`)
  }
  return rtnetlink.link(names[0])
}

function whyNotFound({ device }: DeviceSelector): string {
  return device ? 'Link not found' : 'failed to find physical interface'
}

/** One segment of a path. */
function isName(text: string): boolean {
  return /^[\w.:-]+$/.test(text) && text !== '.' && text !== '..'
}
