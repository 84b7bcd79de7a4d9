import type { Volume } from '../core.ts'
import { judgeProcMount, judgeSeccompTypes } from './baseline.ts'
import {
  type AnyContainer,
  type Check,
  containersOf,
  containersWhere,
  isInUserNamespace,
  isWindows,
  named,
  type PodLike,
  plural,
  quoted,
  setters,
  sortedSet,
  type Violation,
} from './check.ts'

function judgeEscalation(pod: PodLike): Violation | undefined {
  const names = containersWhere(pod, (context) => context?.allowPrivilegeEscalation !== false)
  if (names.length === 0) return undefined
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${named('container', names)} must set securityContext.allowPrivilegeEscalation=false`,
  }
}

function judgeCapabilities(pod: PodLike): Violation | undefined {
  const keeping = containersWhere(pod, (context) => !context?.capabilities?.drop?.includes('ALL'))
  const added = ({ securityContext }: AnyContainer) =>
    (securityContext?.capabilities?.add ?? []).filter((each) => each !== 'NET_BIND_SERVICE')
  const adding = containersOf(pod).filter((container) => added(container).length > 0)
  const details = [
    ...(keeping.length > 0
      ? [`${named('container', keeping)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(adding.length > 0
      ? [
          `${named(
            'container',
            adding.map(({ name }) => name),
          )} must not include ${quoted(sortedSet(adding.flatMap(added)))} in securityContext.capabilities.add`,
        ]
      : []),
  ]
  return details.length === 0
    ? undefined
    : { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const VOLUMES: readonly (keyof Volume)[] = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]

function judgeVolumes({ spec }: PodLike): Violation | undefined {
  const bad = (spec.volumes ?? []).filter(
    (volume) => !VOLUMES.some((type) => volume[type] !== undefined),
  )
  if (bad.length === 0) return undefined
  const names = bad.map(({ name }) => name)
  const typeOf = ({ name: _, ...source }: Volume) => Object.keys(source)[0] ?? 'unknown'
  const types = sortedSet(bad.map(typeOf))
  const uses = plural('uses', names.length, 'use')
  return {
    reason: 'restricted volume types',
    detail: `${named('volume', names)} ${uses} ${named('restricted volume type', types)}`,
  }
}

function judgeNonRoot(pod: PodLike): Violation | undefined {
  const ofPod = pod.spec.securityContext?.runAsNonRoot
  const reason = 'runAsNonRoot != true'
  const refusing = containersWhere(pod, (context) => context?.runAsNonRoot === false)
  if (ofPod === false || refusing.length > 0) {
    const who = setters(ofPod === false, refusing)
    return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` }
  }
  const silent = ofPod ? [] : containersWhere(pod, (context) => context?.runAsNonRoot === undefined)
  if (silent.length === 0) return undefined
  const who = `pod or ${named('container', silent)}`
  return { reason, detail: `${who} must set securityContext.runAsNonRoot=true` }
}

function judgeUser(pod: PodLike): Violation | undefined {
  const isPod = pod.spec.securityContext?.runAsUser === 0
  const containers = containersWhere(pod, (context) => context?.runAsUser === 0)
  if (!isPod && containers.length === 0) return undefined
  return { reason: 'runAsUser=0', detail: `${setters(isPod, containers)} must not set runAsUser=0` }
}

function judgeSeccomp(pod: PodLike): Violation | undefined {
  const wrong = judgeSeccompTypes(pod)
  if (wrong) return wrong
  const isSet = pod.spec.securityContext?.seccompProfile !== undefined
  const silent = isSet ? [] : containersWhere(pod, (context) => !context?.seccompProfile)
  if (silent.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `pod or ${named('container', silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  }
}

/** Of Linux, which Windows does not know; since 1.25 its pods need not say so. */
const ofLinux =
  (judge: Check['judge']): Check['judge'] =>
  (pod, minor) =>
    minor >= 25 && isWindows(pod) ? undefined : judge(pod, minor)

const ofNodesUsers =
  (judge: Check['judge']): Check['judge'] =>
  (pod, minor) =>
    minor >= 35 && isInUserNamespace(pod) ? undefined : judge(pod, minor)

/** Hardened, at the cost of what runs; by id. */
export const restricted: readonly Check[] = [
  { id: 'allowPrivilegeEscalation', since: 8, judge: ofLinux(judgeEscalation) },
  {
    id: 'capabilities_restricted',
    since: 22,
    overrides: 'capabilities_baseline',
    judge: ofLinux(judgeCapabilities),
  },
  { id: 'procMount_restricted', since: 35, overrides: 'procMount', judge: judgeProcMount },
  { id: 'restrictedVolumes', since: 0, overrides: 'hostPathVolumes', judge: judgeVolumes },
  { id: 'runAsNonRoot', since: 0, judge: ofNodesUsers(judgeNonRoot) },
  { id: 'runAsUser', since: 23, judge: ofNodesUsers(judgeUser) },
  {
    id: 'seccompProfile_restricted',
    since: 19,
    overrides: 'seccompProfile_baseline',
    judge: ofLinux(judgeSeccomp),
  },
]
