/** Rules of pod specs, in Pods and in templates. Source: core/validation v1.36, ValidatePodSpec. */
import type { Container, PodSpec } from '../core.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../field-error.ts'
import { validateLegacyIP } from '../validation/ip-rules.ts'
import { validateLabels } from '../validation/labels.ts'
import {
  checkName,
  inclusiveRange,
  isDNS1123Label,
  isDNS1123Subdomain,
  isQualifiedName,
} from '../validation/names.ts'
import { findRepeats } from '../validation/repeats.ts'
import { validateAffinity } from './affinity-validation.ts'
import {
  oneOf,
  type PodOfContainers,
  validateContainers,
  validateEphemeralContainers,
  validateInitContainers,
} from './container-validation.ts'
import { validateDNSConfig } from './dns-config-validation.ts'
import {
  validateHostProcess,
  validateHostUsers,
  validateOS,
  validatePodSecurity,
} from './pod-security-validation.ts'
import {
  checkContainerResourceName,
  checkPodResourceName,
  validateResources,
} from './resource-validation.ts'
import { validateTolerations } from './toleration-validation.ts'
import { validateTopologySpread } from './topology-spread-validation.ts'
import { validateVolumes } from './volume-validation.ts'

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const restartPolicies = ['Always', 'OnFailure', 'Never']
export const maxInt32 = 2 ** 31 - 1

export interface PodSpecRules {
  /** Not in a template, whose host ports the Pod made of it will default. */
  readonly inPod: boolean
  readonly podName?: string
}

export function validatePodSpec(spec: PodSpec, at: string, rules: PodSpecRules): FieldError[] {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec
  const { restartPolicy = '', dnsPolicy = '', resources, os } = spec
  const volumes = validateVolumes(spec.volumes ?? [], `${at}.volumes`, rules)
  const pod: PodOfContainers = {
    volumes: volumes.valid,
    claims: (spec.resourceClaims ?? []).map(({ name = '' }) => name),
    restartPolicy,
    gracePeriod: spec.terminationGracePeriodSeconds ?? 0,
    hostUsers: spec.hostUsers ?? true,
    os: os?.name,
  }
  const others = [...containers, ...initContainers]
  return [
    ...(spec.terminationGracePeriodSeconds === undefined
      ? [required(`${at}.terminationGracePeriodSeconds`)]
      : []),
    ...volumes.errors,
    ...validateContainers(containers, pod, `${at}.containers`),
    ...validateInitContainers(initContainers, containers, pod, `${at}.initContainers`),
    ...validateEphemeralContainers(ephemeralContainers, others, pod, `${at}.ephemeralContainers`),
    ...(resources ? checkPodResources(spec, pod, `${at}.resources`) : []),
    ...(spec.hostNetwork ? checkHostNetworkPorts(containers, at, rules.inPod) : []),
    ...oneOf(restartPolicy, restartPolicies, `${at}.restartPolicy`),
    ...oneOf(dnsPolicy, dnsPolicies, `${at}.dnsPolicy`),
    ...validateLabels(spec.nodeSelector, `${at}.nodeSelector`),
    ...validatePodSecurity(spec, `${at}.securityContext`),
    ...validateAffinity(spec.affinity, `${at}.affinity`),
    ...validateDNSConfig(spec, `${at}.dnsConfig`),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType = '' }, index) =>
      checkName(isQualifiedName, conditionType, `${at}.readinessGates[${index}].conditionType`),
    ),
    ...checkSchedulingGates(spec, `${at}.schedulingGates`),
    ...validateTopologySpread(
      spec.topologySpreadConstraints ?? [],
      `${at}.topologySpreadConstraints`,
    ),
    ...validateHostProcess(spec, at),
    ...validateHostUsers(spec, at),
    ...checkHostname(spec, `${at}.hostnameOverride`),
    ...checkNames(spec, at),
    ...validateTolerations(spec.tolerations ?? [], `${at}.tolerations`),
    ...checkHostAliases(spec, `${at}.hostAliases`),
    ...checkClasses(spec, at),
    ...validateOS(spec, at),
  ]
}

function checkPodResources(spec: PodSpec, pod: PodOfContainers, at: string): FieldError[] {
  const { resources = {}, os } = spec
  if (os?.name === 'windows') return [forbidden(at, 'may not be set for a windows pod')]
  return [
    ...(resources.claims
      ? [forbidden(`${at}.claims`, 'claims may not be set for Resources at pod-level')]
      : []),
    ...validateResources(resources, at, checkPodResourceName, pod.claims),
  ]
}

function checkHostNetworkPorts(
  containers: readonly Container[],
  at: string,
  inPod: boolean,
): FieldError[] {
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ hostPort = 0, containerPort }, i) =>
      (inPod || hostPort !== 0) && hostPort !== containerPort
        ? [
            invalid(
              `${at}.containers[${index}].ports[${i}].hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ]
        : [],
    ),
  )
}

function checkSchedulingGates({ schedulingGates = [] }: PodSpec, at: string): FieldError[] {
  const isTaken = findRepeats(schedulingGates, ({ name = '' }) => name)
  return schedulingGates.flatMap(({ name = '' }, index) => [
    ...checkName(isQualifiedName, name, `${at}[${index}]`),
    ...(isTaken[index] ? [duplicate(`${at}[${index}]`, name)] : []),
  ])
}

function checkHostname(spec: PodSpec, field: string): FieldError[] {
  const { hostnameOverride: name } = spec
  if (name === undefined) return []
  const refuse = (what: string) => forbidden(field, `may not be specified when ${what} is true`)
  return [
    ...(spec.setHostnameAsFQDN ? [refuse('setHostnameAsFQDN')] : []),
    ...(spec.hostNetwork ? [refuse('hostNetwork')] : []),
    ...(name.length > 64 ? [tooLong(field, 64)] : []),
    ...checkName(isDNS1123Subdomain, name, field),
  ]
}

function checkNames(spec: PodSpec, at: string): FieldError[] {
  const { activeDeadlineSeconds: deadline } = spec
  const named = (key: 'serviceAccountName' | 'nodeName' | 'hostname' | 'subdomain') => {
    const rule = key === 'hostname' || key === 'subdomain' ? isDNS1123Label : isDNS1123Subdomain
    return spec[key] ? checkName(rule, spec[key], `${at}.${key}`) : []
  }
  const isFine = deadline === undefined || (deadline >= 1 && deadline <= maxInt32)
  return [
    ...named('serviceAccountName'),
    ...named('nodeName'),
    ...(isFine
      ? []
      : [invalid(`${at}.activeDeadlineSeconds`, deadline, inclusiveRange(1, maxInt32))]),
    ...named('hostname'),
    ...named('subdomain'),
  ]
}

function checkHostAliases({ hostAliases = [] }: PodSpec, at: string): FieldError[] {
  return hostAliases.flatMap(({ ip = '', hostnames = [] }, index) => [
    ...validateLegacyIP(ip, `${at}[${index}].ip`),
    ...hostnames.flatMap((name, i) =>
      checkName(isDNS1123Subdomain, name, `${at}[${index}].hostnames[${i}]`),
    ),
  ])
}

function checkClasses(spec: PodSpec, at: string): FieldError[] {
  const { priorityClassName, runtimeClassName, overhead } = spec
  const preemptionPolicy: string | undefined = spec.preemptionPolicy
  const policies = ['PreemptLowerPriority', 'Never']
  return [
    ...(priorityClassName
      ? checkName(isDNS1123Subdomain, priorityClassName, `${at}.priorityClassName`)
      : []),
    ...(runtimeClassName === undefined
      ? []
      : checkName(isDNS1123Subdomain, runtimeClassName, `${at}.runtimeClassName`)),
    ...(preemptionPolicy === undefined || policies.includes(preemptionPolicy)
      ? []
      : preemptionPolicy === ''
        ? [required(`${at}.preemptionPolicy`)]
        : [notSupported(`${at}.preemptionPolicy`, preemptionPolicy, policies)]),
    ...(overhead
      ? validateResources({ limits: overhead }, `${at}.overhead`, checkContainerResourceName)
      : []),
  ]
}
