/** `fairlead cni install`: plugins and conflist for a container runtime of this machine; no cluster and no agent is needed. */
import { parseCIDR } from '#ip/cidr.ts'
import { type Installed, installCNI } from '#pod-network/cni/install-cni.ts'
import { parseRange } from '#pod-network/cni/plugins/host-local/ranges.ts'
import { readFields } from '#pod-network/cni/protocol/fields.ts'

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
export async function installCNIPlugins(request: InstallCNIRequest): Promise<Installed> {
  const { binDir, confDir, podCIDRs, socketPath, force, ...options } = request
  requireMTU(options.mtuBytes)
  requireLinkName(options.bridge)
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

/** What host-local would refuse at the first pod. */
function parsePodCIDR(subnet: string) {
  if (!parseCIDR(subnet)) {
    throw new Error(
      `Cannot use --pod-cidr ${subnet}: it is no network in CIDR notation (such as 10.88.0.0/16)`,
    )
  }
  try {
    return parseRange(readFields({ subnet })).subnet
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`Cannot use --pod-cidr ${subnet}: ${why}`, { cause })
  }
}

const MIN_MTU_BYTES = 68
const MAX_MTU_BYTES = 65535

/** RFC 791: every link carries 68 bytes. 0 is the kernel's choice. */
function requireMTU(bytes: number): void {
  if (bytes === 0 || (bytes >= MIN_MTU_BYTES && bytes <= MAX_MTU_BYTES)) return
  throw new Error(
    `Cannot use --mtu ${bytes}: it is not between ${MIN_MTU_BYTES} and ${MAX_MTU_BYTES}`,
  )
}

/** The kernel's dev_valid_name() (net/core/dev.c). */
function requireLinkName(name: string): void {
  if (/^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..') return
  throw new Error(
    `Cannot use --bridge ${name}: it is no name for a link (1 to 15 characters, no slash, colon or space)`,
  )
}
