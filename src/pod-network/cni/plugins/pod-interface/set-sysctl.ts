import { KernelError } from '#kernel/kernel-error.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'

/** Written only where it differs: /proc/sys may be read-only, and right already. A kernel without IPv6 has none of its sysctls. */
export function setSysctl(name: string, value: string, netns: Netns): void {
  try {
    if (readSysctl(name, netns) !== value) writeSysctl(name, value, netns)
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
  }
}

/** As in sysctl(8): a dot of the name is written as a slash. */
export function sysctlName(device: string): string {
  return device.replaceAll('.', '/')
}
