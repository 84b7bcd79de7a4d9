/** Rules of pod specs, in Pods and in templates. Source: core/validation v1.36, ValidatePodSpec. */
import type { Container, PodSpec } from '../core.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
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
import { validateContainers } from './container-validation.ts'
import { validateTolerations } from './toleration-validation.ts'
import { validateVolumes } from './volume-validation.ts'

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const restartPolicies = ['Always', 'OnFailure', 'Never']
export const maxInt32 = 2 ** 31 - 1

/** `inPod`: not in a template, whose host ports the Pod made of it will default. */
export function validatePodSpec(
  spec: PodSpec,
  at: string,
  { inPod }: { readonly inPod: boolean },
): FieldError[] {
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name))
  const { containers = [], restartPolicy = '', dnsPolicy = '', activeDeadlineSeconds } = spec
  return [
    ...validateVolumes(spec.volumes ?? [], `${at}.volumes`),
    ...(containers.length === 0 ? [required(`${at}.containers`)] : []),
    ...validateContainers(containers, volumes, `${at}.containers`),
    ...validateInitContainers(spec, volumes, at),
    ...(spec.hostNetwork ? checkHostNetworkPorts(containers, at, inPod) : []),
    ...(restartPolicies.includes(restartPolicy)
      ? []
      : [notSupported(`${at}.restartPolicy`, restartPolicy, restartPolicies)]),
    ...(dnsPolicies.includes(dnsPolicy)
      ? []
      : [notSupported(`${at}.dnsPolicy`, dnsPolicy, dnsPolicies)]),
    ...validateLabels(spec.nodeSelector, `${at}.nodeSelector`),
    ...checkDNSConfig(spec, `${at}.dnsConfig`),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType = '' }, index) =>
      checkName(isQualifiedName, conditionType, `${at}.readinessGates[${index}].conditionType`),
    ),
    ...checkNames(spec, at),
    ...(activeDeadlineSeconds === undefined ||
    (activeDeadlineSeconds >= 1 && activeDeadlineSeconds <= maxInt32)
      ? []
      : [
          invalid(
            `${at}.activeDeadlineSeconds`,
            activeDeadlineSeconds,
            inclusiveRange(1, maxInt32),
          ),
        ]),
    ...validateTolerations(spec.tolerations ?? [], `${at}.tolerations`),
    ...checkHostAliases(spec, `${at}.hostAliases`),
  ]
}

function validateInitContainers(
  { initContainers = [], containers = [] }: PodSpec,
  volumes: ReadonlySet<string>,
  parent: string,
): FieldError[] {
  const at = `${parent}.initContainers`
  const regular = new Set(containers.map(({ name }) => name))
  const unset = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const
  // They run one after another, so their ports conflict only within each.
  return initContainers.flatMap((container, index) => {
    const field = `${at}[${index}]`
    const own = validateContainers([container], volumes, at).map((error) => ({
      ...error,
      field: error.field.replace(`${at}[0]`, field),
    }))
    const taken = initContainers.findIndex(({ name }) => name === container.name) < index
    const isSidecar = container.restartPolicy === 'Always'
    return [
      ...own,
      ...(taken || regular.has(container.name) ? [duplicate(`${field}.name`, container.name)] : []),
      ...unset
        .filter((key) => !isSidecar && container[key])
        .map((key) =>
          forbidden(
            `${field}.${key}`,
            'may not be set for init containers without restartPolicy=Always',
          ),
        ),
    ]
  })
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

function checkDNSConfig({ dnsConfig, dnsPolicy }: PodSpec, at: string): FieldError[] {
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {}
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')]
    if (nameservers.length === 0) {
      const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
      return [required(`${at}.nameservers`, detail)]
    }
  }
  const limit = (over: boolean, key: string, value: unknown, detail: string) =>
    over ? [invalid(`${at}.${key}`, value, detail)] : []
  return [
    ...limit(
      nameservers.length > 3,
      'nameservers',
      nameservers,
      'must not have more than 3 nameservers',
    ),
    ...nameservers.flatMap((ip, index) => validateLegacyIP(ip, `${at}.nameservers[${index}]`)),
    ...limit(searches.length > 32, 'searches', searches, 'must not have more than 32 search paths'),
    ...limit(
      searches.join(' ').length > 2048,
      'searches',
      searches,
      'must not have more than 2048 characters (including spaces) in the search list',
    ),
    ...searches.flatMap((search, index) => {
      const name = search.replace(/\.$/, '')
      return search === '.' ? [] : checkName(isSearchDomain, name, `${at}.searches[${index}]`)
    }),
    ...options.flatMap(({ name = '' }, index) =>
      name === '' ? [required(`${at}.options[${index}]`, 'must not be empty')] : [],
    ),
  ]
}

/** RelaxedDNSSearchValidation: SRV names have labels that begin with an underscore. */
const isSearchDomain = (value: string) =>
  isDNS1123Subdomain(value.replace(/(^|\.)_(?=[a-z0-9])/g, '$1').replace(/_/g, '-')).map((text) =>
    text
      .replace("characters, '-' or '.'", "characters, '_', '-' or '.'")
      .replaceAll('[a-z0-9]([-a-z0-9]*[a-z0-9])?', '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'),
  )

function checkNames(spec: PodSpec, at: string): FieldError[] {
  const rules = [
    ['serviceAccountName', isDNS1123Subdomain],
    ['nodeName', isDNS1123Subdomain],
    ['hostname', isDNS1123Label],
    ['subdomain', isDNS1123Label],
  ] as const
  return rules.flatMap(([key, rule]) =>
    spec[key] ? checkName(rule, spec[key], `${at}.${key}`) : [],
  )
}

function checkHostAliases({ hostAliases = [] }: PodSpec, at: string): FieldError[] {
  return hostAliases.flatMap(({ ip = '', hostnames = [] }, index) => [
    ...validateLegacyIP(ip, `${at}[${index}].ip`),
    ...hostnames.flatMap((name, i) =>
      checkName(isDNS1123Subdomain, name, `${at}[${index}].hostnames[${i}]`),
    ),
  ])
}
