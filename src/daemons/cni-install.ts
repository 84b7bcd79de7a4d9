/** `fairlead cni install`: plugins and conflist for a container runtime of this machine; no cluster and no agent is needed. */
import { parseCIDR } from '#ip/cidr.ts'
import { type Installed, installCNI } from '#pod-network/cni/install-cni.ts'

export interface InstallCNIRequest {
  readonly binDir: string
  readonly confDir?: string
  /** Undefined: flannel's conflist, which takes the subnet from subnet.env. */
  readonly podCIDRs?: readonly string[]
  readonly mtuBytes: number
  readonly bridge: string
  readonly dataDir: string
  readonly socketPath: string
  readonly force: boolean
}

/** @throws Error */
export function installCNIPlugins(request: InstallCNIRequest): Promise<Installed> {
  const { binDir, confDir, podCIDRs, socketPath, force, ...options } = request
  const conflist = () => {
    if (confDir === undefined) return undefined
    if (podCIDRs === undefined) return { confDir, flannel: true as const }
    return { confDir, podCIDRs: podCIDRs.map(parsePodCIDR), ipMasq: true, ...options }
  }
  const planned = conflist()
  return installCNI({
    binDir,
    socketPath,
    replaceOthers: force,
    ...(planned && { conflist: planned }),
  })
}

function parsePodCIDR(text: string) {
  const parsed = parseCIDR(text)
  if (parsed) return parsed
  throw new Error(
    `Cannot use --pod-cidr ${text}: it is no network in CIDR notation (such as 10.88.0.0/16)`,
  )
}
