/**
 * Defaults of pods and pod templates that depend on other fields; the schema has the others.
 * Source: core/v1/defaults.go, v1.36.
 */
import type { Container, Pod, PodSpec, PodTemplateSpec, Volume } from '../core.ts'

/** What any pod spec gets, in a Pod and in a template. */
function defaultPodSpec(spec: PodSpec): PodSpec {
  return {
    ...spec,
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
  const serviceAccount = spec.serviceAccountName ?? spec.serviceAccount
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map(each),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(each) } : {}),
      ...(serviceAccount ? { serviceAccountName: serviceAccount, serviceAccount } : {}),
      enableServiceLinks: spec.enableServiceLinks ?? true,
    },
  }
}

function defaultContainer(container: Container): Container {
  if (container.imagePullPolicy) return container
  return { ...container, imagePullPolicy: pullPolicyOf(container.image) }
}

function pullPolicyOf(image = '') {
  return isLatest(image) ? 'Always' : 'IfNotPresent'
}

/** No tag means latest, unless a digest pins the image. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false
  const name = image.slice(image.lastIndexOf('/') + 1)
  return !name.includes(':') || name.endsWith(':latest')
}

function defaultVolume(volume: Volume): Volume {
  const { name: _, ...sources } = volume
  return Object.keys(sources).length === 0 ? { ...volume, emptyDir: {} } : volume
}

/** On the host's network a port is the host's own. */
function exposeOnHost(container: Container): Container {
  if (!container.ports) return container
  const ports = container.ports.map((port) => ({
    ...port,
    hostPort: port.hostPort || port.containerPort,
  }))
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
