/** A CNI plugin as a process of its own, for when no agent runs: `cni-plugin.ts TYPE`, as bin/cni/fairlead-cni starts it. */
import { readFileSync } from 'node:fs'
import { createPluginHost } from '#pod-network/cni/plugins/plugin.ts'
import { runPlugin } from '#pod-network/cni/plugins/run-plugin.ts'

const STDIN = 0
using host = createPluginHost()
const outcome = await runPlugin(
  { type: process.argv[2] ?? '', env: process.env, stdin: readFileSync(STDIN) },
  host,
)
process.stderr.write(outcome.stderr)
process.stdout.write(outcome.stdout)
process.exitCode = outcome.exitCode
