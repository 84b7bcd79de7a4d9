import { openNamespaceRunner } from '../command/namespace-runner.ts'
import type { Netns } from '../netns/netns.ts'

export interface TapSpec {
  readonly name: string
  readonly multiQueue?: boolean
  /** User and group ids that may attach to it; absent: whoever may administer the network. */
  readonly owner?: number
  readonly group?: number
  /** The SELinux context that it is made in. */
  readonly selinuxContext?: string
}

/**
 * Makes a persistent TAP device in `netns` by ip(8), for rtnetlink cannot.
 * @throws KernelError EBUSY where the name is taken, EINVAL where a SELinux context is named and there is no SELinux
 */
export function addTap(spec: TapSpec, netns: Netns): void {
  const { name, multiQueue, owner, group, selinuxContext } = spec
  using runner = openNamespaceRunner(netns)
  const argv = [
    ...(selinuxContext === undefined ? [] : ['runcon', selinuxContext]),
    ...['ip', 'tuntap', 'add', 'mode', 'tap', 'name', name],
    ...(multiQueue ? ['multi_queue'] : []),
    ...(owner === undefined ? [] : ['user', `${owner}`]),
    ...(group === undefined ? [] : ['group', `${group}`]),
  ]
  runner.run(argv, { op: `add TAP device ${name}` })
}
