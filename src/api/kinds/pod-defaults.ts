/**
 * Defaults of pods and pod templates that depend on other fields; the schema has the others.
 * Source: core/v1/defaults.go, v1.36.
 */
import type { Container, Pod, PodSpec, PodTemplateSpec, Volume } from '../core.ts'
import { formatQuantity, parseQuantity } from '../quantity.ts'

/** What any pod spec gets, in a Pod and in a template. */
function defaultPodSpec(spec: PodSpec): PodSpec {
  const serviceAccount = spec.serviceAccountName || spec.serviceAccount
  return {
    ...spec,
    // The older name says the same: core/v1/conversion.go, Convert_core_PodSpec_To_v1_PodSpec.
    ...(serviceAccount ? { serviceAccountName: serviceAccount, serviceAccount } : {}),
    // A negative time is an instant: core/v1/conversion.go.
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0 ? { terminationGracePeriodSeconds: 1 } : {}),
    ...(spec.volumes ? { volumes: spec.volumes.map(defaultVolume) } : {}),
    ...(spec.initContainers ? { initContainers: spec.initContainers.map(defaultContainer) } : {}),
    ...(spec.ephemeralContainers
      ? { ephemeralContainers: spec.ephemeralContainers.map(defaultContainer) }
      : {}),
    containers: (spec.containers ?? []).map(defaultContainer),
  }
}

export function defaultPodTemplate(template: PodTemplateSpec): PodTemplateSpec {
  return { ...template, spec: defaultPodSpec(template.spec ?? { containers: [] }) }
}

/** What only a Pod gets: templates stay free of it. */
export function defaultPod(pod: Pod): Pod {
  const spec = defaultPodSpec(pod.spec ?? { containers: [] })
  const each = (container: Container) =>
    defaultRequests(spec.hostNetwork ? exposeOnHost(container) : container)
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map(each),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(each) } : {}),
      enableServiceLinks: spec.enableServiceLinks ?? true,
    },
  }
}

function defaultContainer(container: Container): Container {
  const { resources } = container
  return {
    ...container,
    ...(resources ? { resources: roundResources(resources) } : {}),
    imagePullPolicy: container.imagePullPolicy ?? pullPolicyOf(container.image),
  }
}

type Resources = NonNullable<Container['resources']>

const MILLI = 10n ** 6n

/** Who asks for less than a thousandth gets one: SetDefaults_ResourceList. */
function roundResources(resources: Resources): Resources {
  const rounded = (['limits', 'requests'] as const).flatMap((key) =>
    resources[key] ? [[key, roundAmounts(resources[key])] as const] : [],
  )
  return { ...resources, ...Object.fromEntries(rounded) }
}

function roundAmounts(amounts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(amounts).map(([name, text]) => {
      const amount = parseQuantity(String(text))
      if ('error' in amount || amount.nanos % MILLI === 0n) return [name, text]
      const up = amount.nanos > 0n ? MILLI : 0n
      const nanos = (amount.nanos / MILLI) * MILLI + up
      return [name, formatQuantity({ nanos, format: amount.format })]
    }),
  )
}

function pullPolicyOf(image = '') {
  return isLatest(image) ? 'Always' : 'IfNotPresent'
}

/** No tag means latest, unless a digest pins the image. */
function isLatest(image: string): boolean {
  if (image === '' || image.includes('@')) return false
  const name = image.slice(image.lastIndexOf('/') + 1)
  return !name.includes(':') || name.endsWith(':latest')
}

function defaultVolume(volume: Volume): Volume {
  const { name: _, ...sources } = volume
  const { image } = volume
  if (image && !image.pullPolicy) {
    return { ...volume, image: { ...image, pullPolicy: pullPolicyOf(image.reference) } }
  }
  return Object.keys(sources).length === 0 ? { ...volume, emptyDir: {} } : volume
}

/** On the host's network a port is the host's own. */
function exposeOnHost(container: Container): Container {
  if (!container.ports) return container
  const ports = container.ports.map((port) => {
    const hostPort = port.hostPort || port.containerPort
    return hostPort ? { ...port, hostPort } : port
  })
  return { ...container, ports }
}

function defaultRequests(container: Container): Container {
  const { limits, requests } = (container.resources ?? {}) as Record<string, object | undefined>
  if (!limits) return container
  return {
    ...container,
    resources: { ...container.resources, requests: { ...limits, ...requests } },
  }
}
