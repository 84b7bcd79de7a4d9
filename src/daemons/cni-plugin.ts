/**
 * A CNI plugin as a process of its own, for when no agent runs: `cni-plugin.ts TYPE`, as bin/cni/fairlead-cni starts it. And the daemon
 * that the plugin dhcp asks: `cni-plugin.ts dhcp daemon …`.
 */
import { readFileSync } from 'node:fs'
import { createPluginHost } from '#pod-network/cni/plugins/plugin.ts'
import { runPlugin } from '#pod-network/cni/plugins/run-plugin.ts'

const STDIN = 0
const [, , type = '', command, ...flags] = process.argv
if (type === 'dhcp' && command === 'daemon') {
  process.exitCode = await (await import('./dhcp.ts')).main(flags)
} else {
  using host = createPluginHost()
  const outcome = await runPlugin({ type, env: process.env, stdin: readFileSync(STDIN) }, host)
  process.stderr.write(outcome.stderr)
  process.stdout.write(outcome.stdout)
  process.exitCode = outcome.exitCode
}
