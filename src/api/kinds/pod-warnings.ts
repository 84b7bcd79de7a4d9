/** What is likely a mistake in a pod, though it is no error. Source: pkg/api/pod/warnings.go, v1.36. */
import type {
  Affinity,
  Container,
  ContainerPort,
  EnvVar,
  NodeSelectorTerm,
  PodSpec,
  PodTemplateSpec,
} from '../core.ts'
import { quoteLikeGo } from '../field-error.ts'
import type { ObjectMeta } from '../meta.ts'
import { formatQuantity, parseQuantity } from '../quantity.ts'
import { warnOfIP } from '../validation/ip-rules.ts'
import { isLabelValue } from '../validation/names.ts'
import { findRepeats } from '../validation/repeats.ts'
import { eachContainer } from './pod-security-validation.ts'
import { warnOfVolumes } from './volume-warnings.ts'

/** Of labels that nodes no longer have. Source: pkg/api/node/util.go. */
const deprecatedLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region':
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone':
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type':
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods':
    'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
}

const deprecatedAnnotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod':
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls':
    'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls':
    'non-functional in v1.11+; use the "sysctls" field instead',
}

/** @param at `spec.template`, say. */
export function warnOfPodTemplate(template: PodTemplateSpec | undefined, at: string): string[] {
  if (!template) return []
  return warnOfPodSpec(template.spec ?? { containers: [] }, template.metadata ?? {}, `${at}.`)
}

/** @param parent Ends in a dot unless it is empty. */
export function warnOfPodSpec(
  spec: PodSpec,
  { annotations = {} }: Partial<ObjectMeta>,
  parent = '',
): string[] {
  const at = `${parent}spec`
  const grace = spec.terminationGracePeriodSeconds ?? 0
  return [
    ...warnOfNodeLabels(spec, at),
    ...(spec.topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, i) => {
      const field = `${at}.topologySpreadConstraints[${i}]`
      const known = deprecatedLabels[topologyKey]
      return [
        ...(known ? [`${field}.topologyKey: ${topologyKey} is ${known}`] : []),
        ...(labelSelector ? [] : [`${field}.labelSelector: ${matchesNothing}`]),
      ]
    }),
    ...Object.keys(deprecatedAnnotations)
      .filter((key) => annotations[key] !== undefined)
      .map((key) => `${parent}metadata.annotations[${key}]: ${deprecatedAnnotations[key]}`),
    ...warnOfVolumes(spec.volumes ?? [], `${at}.volumes`),
    ...warnOfTwice(spec, at),
    ...warnOfFractions(spec.overhead, `${at}.overhead`),
    ...visit(spec, at, (container, field) => [
      ...warnOfFractions(container.resources?.limits, `${field}.resources.limits`, 'memory'),
      ...warnOfFractions(container.resources?.requests, `${field}.resources.requests`, 'memory'),
      ...warnOfFractions(container.resources?.limits, `${field}.resources.limits`, storage),
      ...warnOfFractions(container.resources?.requests, `${field}.resources.requests`, storage),
      ...warnOfEnv(container.env ?? [], `${field}.env`),
    ]),
    ...warnOfPorts(spec, at),
    ...warnOfPortNames(spec, at),
    ...(grace < 0
      ? [
          `${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...warnOfPodAffinity(spec.affinity ?? {}, `${at}.affinity`),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((ip, i) =>
      warnOfIP(ip, `${at}.dnsConfig.nameservers[${i}]`),
    ),
    ...(spec.hostAliases ?? []).flatMap(({ ip = '' }, i) =>
      warnOfIP(ip, `${at}.hostAliases[${i}].ip`),
    ),
  ]
}

const storage = 'ephemeral-storage'
const matchesNothing = 'a null labelSelector results in matching no pod'

/** eachContainer(), for sentences instead of errors. */
function visit(
  spec: PodSpec,
  at: string,
  each: (container: Container, at: string) => string[],
): string[] {
  const sentences: string[] = []
  eachContainer(spec, at, (container, field) => {
    sentences.push(...each(container, field))
    return []
  })
  return sentences
}

function warnOfNodeLabels({ nodeSelector = {}, affinity }: PodSpec, at: string): string[] {
  const { nodeAffinity } = affinity ?? {}
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
  const field = `${at}.affinity.nodeAffinity`
  return [
    ...Object.keys(nodeSelector)
      .sort()
      .filter((key) => deprecatedLabels[key])
      .map((key) => `${at}.nodeSelector[${key}]: ${deprecatedLabels[key]}`),
    ...(nodeAffinity?.[required]?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      warnOfTerm(term, `${field}.${required}.nodeSelectorTerms[${i}]`, false),
    ),
    ...(nodeAffinity?.[preferred] ?? []).flatMap(({ preference }, i) =>
      warnOfTerm(preference ?? {}, `${field}.${preferred}[${i}].preference`, true),
    ),
  ]
}

function warnOfTerm(term: NodeSelectorTerm, at: string, checksValues: boolean): string[] {
  return (term.matchExpressions ?? []).flatMap(({ key, values = [] }, i) => {
    const field = `${at}.matchExpressions[${i}]`
    const known = deprecatedLabels[key]
    const wrong = checksValues
      ? values.flatMap((value, j) =>
          isLabelValue(value).map(
            (text) => `${field}.values[${j}]: ${quoteLikeGo(value)} is invalid, ${text}`,
          ),
        )
      : []
    return [...(known ? [`${field}.key: ${key} is ${known}`] : []), ...wrong]
  })
}

function warnOfTwice({ hostAliases = [], imagePullSecrets = [] }: PodSpec, at: string): string[] {
  const addresses = hostAliases.map(({ ip = '' }) => ip)
  const names = imagePullSecrets.map(({ name = '' }) => name)
  const repeated = (list: readonly string[], say: (value: string, i: number) => string) =>
    findRepeats(list, (value) => value).flatMap((isTwice, i) => (isTwice ? [say(list[i]!, i)] : []))
  return [
    ...repeated(
      addresses,
      (ip, i) => `${at}.hostAliases[${i}].ip: duplicate ip ${quoteLikeGo(ip)}`,
    ),
    ...repeated(
      names,
      (name, i) => `${at}.imagePullSecrets[${i}].name: duplicate name ${quoteLikeGo(name)}`,
    ),
    ...names.flatMap((name, i) =>
      name === '' ? [`${at}.imagePullSecrets[${i}].name: invalid empty name ""`] : [],
    ),
  ]
}

/** Nobody can have a part of a byte. */
function warnOfFractions(
  amounts: Readonly<Record<string, string>> | undefined,
  at: string,
  ...keys: readonly string[]
): string[] {
  return (keys.length > 0 ? keys : ['memory', storage]).flatMap((key) => {
    const text = amounts?.[key]
    const amount = text === undefined ? undefined : parseQuantity(String(text))
    if (!amount || 'error' in amount || amount.nanos % 10n ** 9n === 0n) return []
    const shown = quoteLikeGo(formatQuantity(amount))
    return [`${at}[${key}]: fractional byte value ${shown} is invalid, must be an integer`]
  })
}

function warnOfEnv(env: readonly EnvVar[], at: string): string[] {
  const isTwice = findRepeats(env, ({ name = '' }) => name)
  return env.flatMap(({ name = '', value = '', valueFrom }, i) => {
    const reference = `$(${name})`
    // To refer to what was before is what the order is for.
    const extends_ = !valueFrom && value !== reference && value.includes(reference)
    if (!isTwice[i] || extends_) return []
    return [
      `${at}[${i}]: hides previous definition of ${quoteLikeGo(name)}, which may be dropped when using apply`,
    ]
  })
}

interface PlacedPort {
  readonly field: string
  readonly hostIP: string
  readonly hostPort: number
}

/** Containers of a pod share its addresses. */
function warnOfPorts(spec: PodSpec, at: string): string[] {
  const held = new Map<string, PlacedPort[]>()
  return visit(spec, at, ({ ports = [] }, field) =>
    ports.flatMap((port, i) => {
      const { hostIP = '', hostPort = 0 } = port
      const placed = { field: `${field}.ports[${i}]`, hostIP, hostPort }
      const key = `${port.containerPort}/${port.protocol}`
      const others = held.get(key) ?? []
      held.set(key, [...others, placed])
      const half = `${placed.field}: hostIP set without hostPort: ${printLikeGo(port)}`
      return [
        ...(hostIP !== '' && hostPort === 0 ? [half] : []),
        ...others.flatMap((other) => comparePorts(placed, other)),
      ]
    }),
  )
}

function comparePorts(port: PlacedPort, other: PlacedPort): string[] {
  const say = (what: string) => [`${port.field}: ${what} port definition with ${other.field}`]
  if (port.hostIP === other.hostIP && port.hostPort === other.hostPort) return say('duplicate')
  if (port.hostPort === 0 || other.hostPort === 0) return say('overlapping')
  const isOneOpen = (port.hostIP === '') !== (other.hostIP === '')
  return port.hostPort === other.hostPort && isOneOpen ? say('dangerously ambiguous') : []
}

/** Go's %+v of the internal struct. */
const printLikeGo = ({ name = '', hostPort = 0, containerPort, protocol, hostIP }: ContainerPort) =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`

function warnOfPortNames(spec: PodSpec, at: string): string[] {
  const held = new Map<string, string>()
  return visit(spec, at, ({ ports = [] }, field) =>
    ports.flatMap(({ name = '' }, i) => {
      const first = held.get(name)
      if (name === '') return []
      if (first === undefined) {
        held.set(name, `${field}.ports[${i}]`)
        return []
      }
      return [
        `${field}.ports[${i}]: duplicate port name ${quoteLikeGo(name)} with ${first}, services and probes that select ports by name will use ${first}`,
      ]
    }),
  )
}

function warnOfPodAffinity(affinity: Affinity, at: string): string[] {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((key) => {
    const required = affinity[key]?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    const preferred = affinity[key]?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    const field = `${at}.${key}`
    return [
      ...required.flatMap(({ labelSelector }, i) =>
        labelSelector
          ? []
          : [
              `${field}.requiredDuringSchedulingIgnoredDuringExecution[${i}].labelSelector: ${matchesNothing}`,
            ],
      ),
      ...preferred.flatMap(({ podAffinityTerm }, i) =>
        podAffinityTerm?.labelSelector
          ? []
          : [
              `${field}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm.labelSelector: ${matchesNothing}`,
            ],
      ),
    ]
  })
}
