import type { Family } from '#ip/ip.ts'
import { runCommand } from '#kernel/command/run-command.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { PluginHost } from '../plugin.ts'
import type { PortmapConfig } from './config.ts'

/**
 * UDP has no connections: a sender that goes on sending keeps its old translation, or that it has none, until conntrack forgets
 * it. That is best effort: without conntrack(8) it forgets by itself, after 30 to 120 s of silence.
 */
export function forgetFlows(
  { mappings }: PortmapConfig,
  { netns }: PluginHost,
  families: readonly Family[],
): void {
  const ports = mappings
    .filter(({ protocol }) => protocol === 'udp')
    .map(({ hostPort }) => hostPort)
  for (const port of new Set(ports)) {
    for (const family of families) {
      const enter = ['nsenter', `--net=/proc/${process.pid}/fd/${netns.fd}`]
      const which = ['-f', family === 4 ? 'ipv4' : 'ipv6', '-p', 'udp']
      try {
        const argv = ['conntrack', '-D', ...which, '--orig-port-dst', `${port}`]
        runCommand([...enter, ...argv], { mayFail: true })
      } catch (error) {
        if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
      }
    }
  }
}
