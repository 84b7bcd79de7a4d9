import type { SELinuxOptions } from '../core.ts'
import {
  type AnyContainer,
  type Check,
  containersOf,
  containersWhere,
  isInUserNamespace,
  named,
  type PodLike,
  plural,
  quoted,
  setters,
  sortedSet,
  type Violation,
} from './check.ts'

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'
const PROFILES = ['RuntimeDefault', 'Localhost']

const isProfile = (type: string | undefined) => type === undefined || PROFILES.includes(type)

function judgeAppArmor(pod: PodLike): Violation | undefined {
  const podType = pod.spec.securityContext?.appArmorProfile?.type
  const types = containersOf(pod).map(
    ({ securityContext }) => securityContext?.appArmorProfile?.type,
  )
  const containers = containersWhere(pod, (context) => !isProfile(context?.appArmorProfile?.type))
  const isAllowed = (value: string) =>
    value === '' || value === 'runtime/default' || value.startsWith('localhost/')
  const annotations = Object.entries(pod.metadata?.annotations ?? {})
    .filter(([key, value]) => key.startsWith(APPARMOR_ANNOTATION) && !isAllowed(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted()
  const wrong = [podType, ...types].filter((type) => type !== undefined && !isProfile(type))
  const values = [...sortedSet(wrong as readonly string[]), ...annotations]
  if (values.length === 0) return undefined
  const more = annotations.length > 0 ? plural('annotation', annotations.length) : ''
  return {
    reason: plural('forbidden AppArmor profile', values.length),
    detail: `${setters(!isProfile(podType), containers, more)} must not set AppArmor profile type to ${quoted(values)}`,
  }
}

const DEFAULT_CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]

function judgeCapabilities(pod: PodLike): Violation | undefined {
  const added = ({ securityContext }: AnyContainer) =>
    (securityContext?.capabilities?.add ?? []).filter(
      (each) => !DEFAULT_CAPABILITIES.includes(each),
    )
  const bad = containersOf(pod).filter((container) => added(container).length > 0)
  if (bad.length === 0) return undefined
  const names = bad.map(({ name }) => name)
  return {
    reason: 'non-default capabilities',
    detail: `${named('container', names)} must not include ${quoted(sortedSet(bad.flatMap(added)))} in securityContext.capabilities.add`,
  }
}

function judgeHostNamespaces({ spec }: PodLike): Violation | undefined {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((key) => spec[key])
  if (shared.length === 0) return undefined
  return { reason: 'host namespaces', detail: shared.map((key) => `${key}=true`).join(', ') }
}

function judgeHostPaths({ spec }: PodLike): Violation | undefined {
  const names = (spec.volumes ?? []).flatMap(({ name, hostPath }) => (hostPath ? [name] : []))
  return names.length === 0
    ? undefined
    : { reason: 'hostPath volumes', detail: named('volume', names) }
}

function judgeHostPorts(pod: PodLike): Violation | undefined {
  const taken = ({ ports = [] }: AnyContainer) =>
    ports.flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []))
  const bad = containersOf(pod).filter((container) => taken(container).length > 0)
  if (bad.length === 0) return undefined
  const ports = sortedSet(bad.flatMap(taken))
  const names = bad.map(({ name }) => name)
  const uses = plural('uses', names.length, 'use')
  return {
    reason: 'hostPort',
    detail: `${named('container', names)} ${uses} ${plural('hostPort', ports.length)} ${ports.join(', ')}`,
  }
}

function judgeProbeHosts(pod: PodLike): Violation | undefined {
  const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: AnyContainer) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(
      (handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host) => host),
    ) as readonly string[]
  const bad = containersOf(pod).filter((container) => hostsOf(container).length > 0)
  if (bad.length === 0) return undefined
  const hosts = sortedSet(bad.flatMap(hostsOf))
  const names = sortedSet(bad.map(({ name }) => name))
  const uses = plural('uses', names.length, 'use')
  const what = plural('probe or lifecycle host', hosts.length)
  return {
    reason: 'probe or lifecycle host',
    detail: `${named('container', names)} ${uses} ${what} ${quoted(hosts)}`,
  }
}

function judgePrivileged(pod: PodLike): Violation | undefined {
  const names = containersWhere(pod, (context) => context?.privileged === true)
  if (names.length === 0) return undefined
  const detail = `${named('container', names)} must not set securityContext.privileged=true`
  return { reason: 'privileged', detail }
}

export function judgeProcMount(pod: PodLike): Violation | undefined {
  const isBad = (procMount: string | undefined) =>
    procMount !== undefined && procMount !== 'Default'
  const names = containersWhere(pod, (context) => isBad(context?.procMount))
  if (names.length === 0) return undefined
  const types = containersOf(pod).map(({ securityContext }) => securityContext?.procMount)
  const bad = sortedSet(types.filter(isBad) as readonly string[])
  return {
    reason: 'procMount',
    detail: `${named('container', names)} must not set securityContext.procMount to ${quoted(bad)}`,
  }
}

const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t']

function judgeSELinux(pod: PodLike, minor: number): Violation | undefined {
  const allowed = minor >= 31 ? [...SELINUX_TYPES, 'container_engine_t'] : SELINUX_TYPES
  const isBad = ({ type = '', user, role }: SELinuxOptions = {}) =>
    !allowed.includes(type) || Boolean(user) || Boolean(role)
  const ofPod = pod.spec.securityContext?.seLinuxOptions
  const containers = containersWhere(pod, (context) => isBad(context?.seLinuxOptions))
  if (!isBad(ofPod) && containers.length === 0) return undefined
  const all = [
    ofPod,
    ...containersOf(pod).map(({ securityContext }) => securityContext?.seLinuxOptions),
  ]
  const types = sortedSet(
    all.flatMap((options) => (allowed.includes(options?.type ?? '') ? [] : [options?.type ?? ''])),
  )
  const faults = [
    ...(types.length > 0 ? [named('type', types)] : []),
    ...(all.some((options) => options?.user) ? ['user may not be set'] : []),
    ...(all.some((options) => options?.role) ? ['role may not be set'] : []),
  ]
  return {
    reason: 'seLinuxOptions',
    detail: `${setters(isBad(ofPod), containers)} set forbidden securityContext.seLinuxOptions: ${faults.join('; ')}`,
  }
}

const SECCOMP_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod'

function judgeSeccomp(pod: PodLike, minor: number): Violation | undefined {
  return minor >= 19 ? judgeSeccompTypes(pod) : judgeSeccompAnnotations(pod)
}

function judgeSeccompAnnotations(pod: PodLike): Violation | undefined {
  const { annotations = {} } = pod.metadata ?? {}
  const isAllowed = (value: string) =>
    value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')
  const keys = [
    SECCOMP_ANNOTATION,
    ...containersOf(pod).map(({ name }) => `container.${SECCOMP_ANNOTATION.replace(/pod$/, name)}`),
  ]
  const wrong = sortedSet(
    keys.flatMap((key) => {
      const value = annotations[key]
      return value === undefined || isAllowed(value) ? [] : [`${key}=${JSON.stringify(value)}`]
    }),
  )
  if (wrong.length === 0) return undefined
  const detail = `forbidden ${plural('annotation', wrong.length)} ${wrong.join(', ')}`
  return { reason: 'seccompProfile', detail }
}

/** Profiles that somebody names, and that may not be. */
export function judgeSeccompTypes(pod: PodLike): Violation | undefined {
  const ofPod = pod.spec.securityContext?.seccompProfile?.type
  const containers = containersWhere(pod, (context) => !isProfile(context?.seccompProfile?.type))
  if (isProfile(ofPod) && containers.length === 0) return undefined
  const types = containersOf(pod).map(
    ({ securityContext }) => securityContext?.seccompProfile?.type,
  )
  const wrong = [ofPod, ...types].filter((type) => !isProfile(type)) as readonly string[]
  return {
    reason: 'seccompProfile',
    detail: `${setters(!isProfile(ofPod), containers)} must not set securityContext.seccompProfile.type to ${quoted(sortedSet(wrong))}`,
  }
}

/** By the version that allowed them. */
const SYSCTLS: readonly (readonly [since: number, ...names: readonly string[]])[] = [
  [
    0,
    'kernel.shm_rmid_forced',
    'net.ipv4.ip_local_port_range',
    'net.ipv4.tcp_syncookies',
    'net.ipv4.ping_group_range',
    'net.ipv4.ip_unprivileged_port_start',
  ],
  [27, 'net.ipv4.ip_local_reserved_ports'],
  [
    29,
    'net.ipv4.tcp_keepalive_time',
    'net.ipv4.tcp_fin_timeout',
    'net.ipv4.tcp_keepalive_intvl',
    'net.ipv4.tcp_keepalive_probes',
  ],
  [32, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'],
]

function judgeSysctls({ spec }: PodLike, minor: number): Violation | undefined {
  const allowed = SYSCTLS.flatMap(([since, ...names]) => (minor >= since ? names : []))
  const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name)
  const wrong = names.filter((name) => !allowed.includes(name))
  return wrong.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: wrong.join(', ') }
}

function judgeHostProcess(pod: PodLike): Violation | undefined {
  const isPod = pod.spec.securityContext?.windowsOptions?.hostProcess === true
  const containers = containersWhere(
    pod,
    (context) => context?.windowsOptions?.hostProcess === true,
  )
  if (!isPod && containers.length === 0) return undefined
  const who = setters(isPod, containers)
  return {
    reason: 'hostProcess',
    detail: `${who} must not set securityContext.windowsOptions.hostProcess=true`,
  }
}

/** What no pod needs that is not part of the node itself; by id. */
export const baseline: readonly Check[] = [
  { id: 'appArmorProfile', since: 0, judge: judgeAppArmor },
  { id: 'capabilities_baseline', since: 0, judge: judgeCapabilities },
  { id: 'hostNamespaces', since: 0, judge: judgeHostNamespaces },
  { id: 'hostPathVolumes', since: 0, judge: judgeHostPaths },
  { id: 'hostPorts', since: 0, judge: judgeHostPorts },
  { id: 'hostProbesAndHostLifecycle', since: 34, judge: judgeProbeHosts },
  { id: 'privileged', since: 0, judge: judgePrivileged },
  {
    id: 'procMount',
    since: 0,
    judge: (pod, minor) =>
      minor >= 35 && isInUserNamespace(pod) ? undefined : judgeProcMount(pod),
  },
  { id: 'seLinuxOptions', since: 0, judge: judgeSELinux },
  { id: 'seccompProfile_baseline', since: 0, judge: judgeSeccomp },
  { id: 'sysctls', since: 0, judge: judgeSysctls },
  { id: 'windowsHostProcess', since: 0, judge: judgeHostProcess },
]
