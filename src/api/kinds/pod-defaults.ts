/** Defaults of pods and pod templates. Source: core/v1/defaults.go, v1.36. */
import type { Container, EnvVar, Pod, PodSpec, PodTemplateSpec, Probe, Volume } from '../core.ts'

/** What any pod spec gets, in a Pod and in a template. */
function defaultPodSpec(spec: PodSpec): PodSpec {
  return {
    ...spec,
    ...(spec.volumes ? { volumes: spec.volumes.map(defaultVolume) } : {}),
    ...(spec.initContainers ? { initContainers: spec.initContainers.map(defaultContainer) } : {}),
    containers: (spec.containers ?? []).map(defaultContainer),
    restartPolicy: spec.restartPolicy ?? 'Always',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    dnsPolicy: spec.dnsPolicy ?? 'ClusterFirst',
    securityContext: spec.securityContext ?? {},
    schedulerName: spec.schedulerName ?? 'default-scheduler',
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
  const { image = '', ports, env } = container
  const probes = (['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((key) =>
    container[key] ? [[key, defaultProbe(container[key])] as const] : [],
  )
  return {
    ...container,
    ...(ports
      ? { ports: ports.map((port) => ({ ...port, protocol: port.protocol ?? 'TCP' })) }
      : {}),
    ...(env ? { env: env.map(defaultEnvVar) } : {}),
    ...Object.fromEntries(probes),
    resources: container.resources ?? {},
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
    imagePullPolicy: container.imagePullPolicy ?? (isLatest(image) ? 'Always' : 'IfNotPresent'),
  }
}

/** No tag means latest, unless a digest pins the image. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false
  const name = image.slice(image.lastIndexOf('/') + 1)
  return !name.includes(':') || name.endsWith(':latest')
}

function defaultEnvVar(variable: EnvVar): EnvVar {
  const { valueFrom } = variable
  if (!valueFrom?.fieldRef || valueFrom.fieldRef.apiVersion) return variable
  return {
    ...variable,
    valueFrom: { ...valueFrom, fieldRef: { apiVersion: 'v1', ...valueFrom.fieldRef } },
  }
}

function defaultProbe(probe: Probe): Probe {
  const { httpGet } = probe
  return {
    ...probe,
    ...(httpGet
      ? { httpGet: { ...httpGet, path: httpGet.path ?? '/', scheme: httpGet.scheme ?? 'HTTP' } }
      : {}),
    timeoutSeconds: probe.timeoutSeconds ?? 1,
    periodSeconds: probe.periodSeconds ?? 10,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  }
}

function defaultVolume(volume: Volume): Volume {
  const { name: _, ...sources } = volume
  if (Object.keys(sources).length === 0) return { ...volume, emptyDir: {} }
  const withMode = ['configMap', 'secret', 'downwardAPI', 'projected'] as const
  const changed = withMode.flatMap((key) => {
    const source = volume[key]
    return source ? [[key, { ...source, defaultMode: source.defaultMode ?? 0o644 }] as const] : []
  })
  const path = volume.hostPath
  return {
    ...volume,
    ...Object.fromEntries(changed),
    ...(path ? { hostPath: { ...path, type: path.type ?? '' } } : {}),
  }
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
