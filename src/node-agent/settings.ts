import { join } from 'node:path'
import { pathSegment } from './files.ts'
import type { VolumeDirectories } from './volumes/pod-volumes.ts'

/** What every pod of this node has in common. */
export interface NodeSettings {
  readonly nodeName: string
  /** One a family, the primary first. */
  readonly nodeIPs: readonly string[]
  readonly clusterDNS: readonly string[]
  readonly clusterDomain: string
  /** The node's own resolv.conf and hosts file, for pods that ask for them. */
  readonly resolvConfPath: string
  readonly hostsPath: string
  readonly rootDir: string
  readonly runDir: string
}

export function podDirectories(
  { rootDir, runDir }: NodeSettings,
  podUID: string,
): VolumeDirectories {
  return {
    podDirectory: join(rootDir, 'pods', pathSegment(podUID)),
    podRunDirectory: join(runDir, 'pods', pathSegment(podUID)),
  }
}
