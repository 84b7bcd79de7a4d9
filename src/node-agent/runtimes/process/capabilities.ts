import type { Security } from '../runtime.ts'

/**
 * What Docker leaves to a container, without MKNOD: there is no device controller here that would keep a
 * container from the host's disks. Names as setpriv(1) takes them.
 */
const DEFAULT = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'net_raw',
  'sys_chroot',
  'audit_write',
  'setfcap',
]

/** The words before a command that take a container's privileges away. */
export function planPrivileges(security: Security): readonly string[] {
  const flags = [
    ...(security.privileged ? [] : [`--bounding-set=${boundingSet(security)}`, '--inh-caps=-all']),
    ...(security.allowPrivilegeEscalation ? [] : ['--no-new-privs']),
    ...(security.uid === undefined ? [] : [`--reuid=${security.uid}`]),
    ...identity(security),
  ]
  return flags.length === 0 ? [] : ['setpriv', ...flags, '--']
}

function boundingSet({ addCapabilities, dropCapabilities }: Security): string {
  const added = addCapabilities.map(toName).filter(Boolean)
  const dropped = new Set(dropCapabilities.map(toName))
  if (added.includes('all')) return ['+all', ...[...dropped].map((name) => `-${name}`)].join(',')
  const kept = dropped.has('all') ? [] : DEFAULT.filter((name) => !dropped.has(name))
  return ['-all', ...new Set([...kept, ...added])].join(',+')
}

function identity({ uid, gid, groups }: Security): readonly string[] {
  if (uid === undefined && gid === undefined && groups.length === 0) return []
  return [
    `--regid=${gid ?? 0}`,
    groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`,
  ]
}

/** Linux' names, with or without CAP_. Anything else is dropped before it reaches a command line. */
function toName(capability: string): string {
  const name = capability.toLowerCase().replace(/^cap_/, '')
  return /^[a-z_]+$/.test(name) ? name : ''
}
