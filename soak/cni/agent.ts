/** A node's agent as a process that may be killed: `agent.ts SOCKET`. */
import { createPluginHost } from '#pod-network/cni/plugins/plugin.ts'
import { runPlugin } from '#pod-network/cni/plugins/run-plugin.ts'
import { serveCNI } from '#pod-network/cni/serve-cni.ts'

const host = createPluginHost()
const { signal } = new AbortController()
await serveCNI(process.argv[2] ?? '', (run) => runPlugin(run, host), { signal })
console.log('up')
