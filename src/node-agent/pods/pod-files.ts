import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '#api/core.ts'
import { formatHostNetworkHostsFile, formatHostsFile, hostNameOf } from '../env/hosts-file.ts'
import { formatResolvConf, parseResolvConf, resolvConfFor } from '../env/resolv-conf.ts'
import type { NodeSettings } from '../settings.ts'

/**
 * Writes the pod's /etc/hosts, hostname, resolv.conf and podinfo to `etc/` of its directory, where containers have them mounted.
 * In place, since a mounted file cannot be replaced. `podinfo` is what a downwardAPI volume would tell, for the built-in images.
 */
export function writePodFiles(
  pod: Pod,
  podIPs: readonly string[],
  podDirectory: string,
  settings: NodeSettings,
): void {
  const directory = join(podDirectory, 'etc')
  const { metadata, spec } = pod
  const namespace = metadata.namespace ?? 'default'
  const host = hostNameOf(pod, settings.clusterDomain)
  const node = parseResolvConf(readFileSync(settings.resolvConfPath, 'utf8'))
  const files = {
    hosts: spec.hostNetwork
      ? formatHostNetworkHostsFile(readFileSync(settings.hostsPath, 'utf8'), spec.hostAliases)
      : formatHostsFile(podIPs, host, spec.hostAliases),
    hostname: `${spec.hostNetwork ? settings.nodeName : host.hostname}\n`,
    'resolv.conf': formatResolvConf(resolvConfFor(spec, namespace, { ...settings, node })),
    podinfo: `${JSON.stringify({ pod: metadata.name, namespace, node: settings.nodeName, podIP: podIPs[0] ?? '' })}\n`,
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name)
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text)
  }
}
