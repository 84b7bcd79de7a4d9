import { existsSync } from 'node:fs'
import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { runCommand } from '#kernel/command/run-command.ts'
import { fail } from '../../protocol/cni-error.ts'

/*
 * firewalld is asked over D-Bus, as upstream asks it (plugins/meta/firewall/firewalld.go), by busctl(1): it comes with systemd, as firewalld
 * does. It is the machine's, whatever namespace asks.
 */

/** Where the bus is unless DBUS_SYSTEM_BUS_ADDRESS says otherwise (D-Bus specification, "Well-known Message Bus Instances"). */
const SYSTEM_BUS = '/var/run/dbus/system_bus_socket'
const FIREWALLD = 'org.fedoraproject.FirewallD1'

export function isFirewalldRunning(): boolean {
  if (missingBus() !== undefined) return false
  const dbus = 'org.freedesktop.DBus'
  try {
    return (
      busctl([dbus, '/org/freedesktop/DBus', dbus, 'GetNameOwner', 's', FIREWALLD]).status === 0
    )
  } catch {
    // No busctl: no systemd, and no firewalld that it started.
    return false
  }
}

/** The socket of the system bus, where there is none; abstract ones are not looked for. */
function missingBus(): string | undefined {
  const { DBUS_SYSTEM_BUS_ADDRESS: address = `unix:path=${SYSTEM_BUS}` } = process.env
  const [, path] = /^unix:path=([^,;]+)/.exec(address) ?? []
  return path === undefined || existsSync(path) ? undefined : path
}

/** @throws CNIError with the words of upstream's D-Bus library where nobody could be asked */
export function requireBus(): void {
  const path = missingBus()
  if (path !== undefined) throw fail(`dial unix ${path}: connect: no such file or directory`)
}

/** What comes from `pods` is in `zone` from now on. @throws CNIError */
export function addSources(zone: string, pods: readonly CIDR[]): void {
  for (const pod of pods) {
    const { status, stderr } = callZone('addSource', zone, pod)
    if (status === 0 || stderr.includes('ZONE_ALREADY_SET')) continue
    const why = stderr.trim().replace(/^Call failed: /, '')
    throw fail(`failed to add the address ${formatCIDR(pod)} to ${zone} zone: ${why}`)
  }
}

/** Best effort: what is not in the zone need not be removed. */
export function removeSources(zone: string, pods: readonly CIDR[]): void {
  for (const pod of pods) callZone('removeSource', zone, pod)
}

/** @throws CNIError */
export function checkSources(zone: string, pods: readonly CIDR[]): void {
  for (const pod of pods) {
    const { status, stdout } = callZone('querySource', zone, pod)
    if (status === 0 && stdout.trim() === 'b true') continue
    throw fail(`failed to find the address ${formatCIDR(pod)} in ${zone} zone`)
  }
}

function callZone(method: string, zone: string, pod: CIDR) {
  const target = [FIREWALLD, '/org/fedoraproject/FirewallD1', `${FIREWALLD}.zone`]
  return busctl([...target, method, 'ss', zone, formatCIDR(pod)])
}

function busctl(call: readonly string[]) {
  return runCommand(['busctl', '--system', 'call', '--', ...call], { mayFail: true })
}
