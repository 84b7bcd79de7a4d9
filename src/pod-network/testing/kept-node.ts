import { join } from 'node:path'
import type { Netns } from '#kernel/netns/netns.ts'
import { type Log, silentLog } from '#log/log.ts'
import type { Lab } from '#testing/netns.ts'
import { installCNI } from '../cni/install-cni.ts'
import { createPluginHost } from '../cni/plugins/plugin.ts'
import { runPlugin } from '../cni/plugins/run-plugin.ts'
import { createCNIRuntime } from '../cni/runtime.ts'
import { serveCNI } from '../cni/serve-cni.ts'
import type { NodeSubnet } from '../daemon.ts'
import { keepAttachments } from '../keep-attachments.ts'
import { createPodNetwork } from '../pod-network.ts'
import { type DamagedPod, damagedPod } from './pod-damages.ts'
import { serveWhoAmI } from './who-am-i.ts'

/** A node of a lab's cluster with a pod, as a node agent attaches and keeps it: host port 8088, and limits of bandwidth. */
export interface KeptNode extends AsyncDisposable {
  readonly netns: Netns
  readonly nodeIP: string
  readonly pod: Netns
  readonly podIP: string
  readonly damaged: DamagedPod
}

export async function createKeptNode(
  lab: Lab,
  { n, netns }: { readonly n: number; readonly netns: Netns },
  { podCIDRs, mtuBytes }: NodeSubnet,
  log: Log = silentLog,
): Promise<KeptNode> {
  const folder = join(lab.folder, `cni${n}`)
  const socketPath = join(folder, 'cni.sock')
  const [dataDir, confDir] = [join(folder, 'networks'), join(folder, 'net.d')]
  const conflist = { podCIDRs, mtuBytes, dataDir, confDir }
  const { binDir, confFile } = await installCNI({
    binDir: join(folder, 'bin'),
    socketPath,
    conflist,
  })
  const stop = new AbortController()
  const host = createPluginHost(netns)
  await serveCNI(socketPath, (run) => runPlugin(run, host), { signal: stop.signal })
  const runtime = createCNIRuntime({ binDir, confFile: confFile!, stateDir: join(folder, 'state') })
  const podNetwork = createPodNetwork({ runtime, ready: Promise.resolve() })
  const pod = lab.netns(`pod${n}`)
  const podUID = `00000000-0000-4000-8000-00000000000${n}`
  const { ips } = await podNetwork.attach({
    podUID,
    namespace: 'default',
    name: `pod${n}`,
    netnsPath: pod.path,
    hostPorts: [{ hostPort: 8088, containerPort: 8080, protocol: 'TCP' }],
    bandwidth: { ingress: 800_000_000, egress: 800_000_000 },
  })
  await serveWhoAmI(lab, pod)
  const running = keepAttachments({ podNetwork, host, log }, stop.signal)
  return {
    netns,
    nodeIP: `172.30.0.${10 + n}`,
    pod,
    podIP: ips[0]!,
    damaged: damagedPod(podUID, pod),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
      host[Symbol.dispose]()
    },
  }
}
