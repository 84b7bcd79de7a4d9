import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { VolumeBind } from '../runtime.ts'

/** The pod's own /etc/hosts, hostname, resolv.conf and podinfo, which the agent writes beside its containers. */
export function etcFiles(podDirectory: string): readonly VolumeBind[] {
  return ['hosts', 'hostname', 'resolv.conf', 'podinfo']
    .map((name) => ({
      source: join(podDirectory, 'etc', name),
      target: `/etc/${name}`,
      readOnly: false,
    }))
    .filter(({ source }) => existsSync(source))
}
