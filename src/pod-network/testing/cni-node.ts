import { join } from 'node:path'
import { type CIDR, cidr } from '#ip/cidr.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Lab } from '#testing/netns.ts'
import { installCNI } from '../cni/install-cni.ts'
import { createPluginHost } from '../cni/plugins/plugin.ts'
import { type PluginRun, runPlugin } from '../cni/plugins/run-plugin.ts'
import { createCNIRuntime } from '../cni/runtime.ts'
import { serveCNI } from '../cni/serve-cni.ts'
import { createPodNetwork } from '../pod-network.ts'

interface AgentOptions {
  readonly seen?: (run: PluginRun) => void
}

const POD_CIDRS = [cidr('10.244.1.0/24')]

/** A node with plugins installed; with `serve`, also their agent. */
export async function createCNINode(lab: Lab, podCIDRs: readonly CIDR[] = POD_CIDRS) {
  const netns = lab.netns('node')
  const socketPath = join(lab.folder, 'run/cni.sock')
  const { binDir, confFile } = await installCNI({
    binDir: join(lab.folder, 'bin'),
    socketPath,
    conflist: {
      confDir: join(lab.folder, 'net.d'),
      podCIDRs,
      mtuBytes: 1450,
      dataDir: join(lab.folder, 'networks'),
    },
  })
  const stateDir = join(lab.folder, 'state')
  const runtime = createCNIRuntime({ binDir, confFile: confFile!, stateDir })
  const stack = new DisposableStack()
  const stop = new AbortController()
  stack.defer(() => stop.abort())
  const serve = async ({ seen = () => {} }: AgentOptions = {}) => {
    const host = stack.use(createPluginHost(netns))
    const handler = (run: PluginRun) => {
      seen(run)
      return runPlugin(run, host)
    }
    await serveCNI(socketPath, handler, { signal: stop.signal })
  }
  return {
    netns,
    binDir,
    stateDir,
    socketPath,
    runtime,
    podNetwork: createPodNetwork({ runtime, ready: Promise.resolve() }),
    dataDir: join(lab.folder, 'networks/fairlead'),
    serve,
    [Symbol.dispose]: () => stack.dispose(),
  }
}

export function sandbox(name: string, netns: Netns, hostPorts: object[] = []) {
  const ports = hostPorts as { hostPort: number; containerPort: number; protocol: string }[]
  return {
    podUID: `uid-${name}`,
    namespace: 'default',
    name,
    netnsPath: netns.path,
    hostPorts: ports,
  }
}
