import { existsSync } from 'node:fs'
import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { runCommand } from '#kernel/command/run-command.ts'
import { fail } from '../../protocol/cni-error.ts'

/*
 * firewalld is asked over D-Bus, as upstream asks it (plugins/meta/firewall/firewalld.go), by busctl(1): it comes with systemd, as firewalld
 * does. It is the machine's, whatever namespace asks.
 */

const SYSTEM_BUS = '/run/dbus/system_bus_socket'
const FIREWALLD = 'org.fedoraproject.FirewallD1'

export function isFirewalldRunning(): boolean {
  const bus = process.env.DBUS_SYSTEM_BUS_ADDRESS
  if (!bus && !existsSync(SYSTEM_BUS)) return false
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

/** What comes from `pods` is in `zone` from now on. @throws CNIError */
export function addSources(zone: string, pods: readonly CIDR[]): void {
  for (const pod of pods) {
    const { status, stderr } = callZone('addSource', zone, pod)
    if (status === 0 || stderr.includes('ZONE_ALREADY_SET')) continue
    throw fail(`failed to add the address ${formatCIDR(pod)} to ${zone} zone: ${stderr.trim()}`)
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
