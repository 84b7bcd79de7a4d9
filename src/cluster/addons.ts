import type { Deployment } from '#api/apps.ts'
import type { ConfigMap, Namespace, Pod, Secret, Service } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { IngressClass } from '#api/networking.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { APIStatusError } from '#client/api.ts'

/** What the addons must know of the cluster they run in. */
export interface AddonOptions {
  /** One a family, the primary first. */
  readonly dnsServiceIPs: readonly string[]
  readonly clusterDomain: string
  /** What the cluster tells of its pod network. */
  readonly podNetwork: readonly [Namespace, ConfigMap]
  /** Kubeconfig texts by component. */
  readonly kubeconfigs: { readonly dns: string; readonly ingress: string }
}

type Addon = readonly [resources.Resource<KubernetesObject>, KubernetesObject]

const NAMESPACE = 'kube-system'
/** The Service that people and conformance suites look for; its pods carry the label k8s-app. */
export const DNS_NAME = 'kube-dns'
export const INGRESS_NAME = 'ingress-nginx-controller'

/** The objects of kube-system: DNS, and Ingress behind a LoadBalancer Service; before them, what the cluster tells of its pod network. */
export function planAddons({
  dnsServiceIPs,
  clusterDomain,
  podNetwork: [networkNamespace, networkConf],
  kubeconfigs,
}: AddonOptions): readonly Addon[] {
  // A socket of IPv6 takes IPv4, too.
  const hasIPv6 = dnsServiceIPs.some((address) => address.includes(':'))
  const dnsLabels = { 'k8s-app': DNS_NAME }
  const ingressLabels = {
    'app.kubernetes.io/name': 'ingress-nginx',
    'app.kubernetes.io/component': 'controller',
  }
  return [
    [resources.namespaces, networkNamespace],
    [resources.configMaps, networkConf],
    [resources.secrets, kubeconfigSecret('dns-kubeconfig', kubeconfigs.dns)],
    [
      resources.services,
      service(
        DNS_NAME,
        {
          ...dnsFamilies(dnsServiceIPs),
          selector: dnsLabels,
          ports: [
            { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
            { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
          ],
        },
        { ...dnsLabels, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
      ),
    ],
    [
      resources.deployments,
      deployment(
        'coredns',
        dnsLabels,
        'dns-kubeconfig',
        {
          name: 'dns',
          image: 'fairlead.dev/dns',
          args: [
            ...['--kubeconfig', '/etc/fairlead/kubeconfig', '--domain', clusterDomain],
            ...(hasIPv6 ? ['--listen', '[::]:53'] : []),
          ],
          ports: [
            { name: 'dns', containerPort: 53, protocol: 'UDP' },
            { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
          ],
          readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
          livenessProbe: {
            httpGet: { path: '/health', port: 8080 },
            initialDelaySeconds: 30,
            periodSeconds: 10,
            failureThreshold: 5,
          },
        },
        { dnsPolicy: 'Default' },
      ),
    ],
    [resources.secrets, kubeconfigSecret('ingress-kubeconfig', kubeconfigs.ingress)],
    [resources.ingressClasses, ingressClass()],
    [
      resources.services,
      service(
        INGRESS_NAME,
        {
          type: 'LoadBalancer',
          selector: ingressLabels,
          ports: [
            { name: 'http', port: 80, targetPort: 80 },
            { name: 'https', port: 443, targetPort: 443 },
          ],
        },
        ingressLabels,
      ),
    ],
    [
      resources.deployments,
      deployment(
        INGRESS_NAME,
        ingressLabels,
        'ingress-kubeconfig',
        {
          name: 'controller',
          image: 'fairlead.dev/ingress',
          args: [
            '--kubeconfig',
            '/etc/fairlead/kubeconfig',
            '--publish-service',
            `${NAMESPACE}/${INGRESS_NAME}`,
            ...(hasIPv6 ? ['--bind-address', '::'] : []),
          ],
          ports: [
            { name: 'http', containerPort: 80 },
            { name: 'https', containerPort: 443 },
          ],
          readinessProbe: { httpGet: { path: '/healthz', port: 10254 }, periodSeconds: 2 },
        },
        {},
      ),
    ],
  ]
}

/** Creates what is missing; what is there stays as it is, since its owner may have changed it. */
export async function applyAddons(api: API, addons: readonly Addon[]): Promise<void> {
  for (const [resource, object] of addons) {
    try {
      await api.create(resource, object)
    } catch (error) {
      if (!(error instanceof APIStatusError && error.reason === 'AlreadyExists')) throw error
    }
  }
}

/** The component that a pod of kube-system belongs to: its Deployment's name. */
export function deploymentOf(pod: Pod): string {
  const [owner] = pod.metadata.ownerReferences ?? []
  return owner?.name.replace(/-[a-z0-9]+$/, '') ?? pod.metadata.name
}

function service(
  name: string,
  spec: Service['spec'],
  labels: Readonly<Record<string, string>>,
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE, labels },
    spec,
  }
}

/** Answers in both families of a dual-stack cluster. */
function dnsFamilies(clusterIPs: readonly string[]): Partial<Service['spec']> {
  const [clusterIP = ''] = clusterIPs
  if (clusterIPs.length < 2) return { clusterIP }
  return { clusterIP, clusterIPs: [...clusterIPs], ipFamilyPolicy: 'RequireDualStack' }
}

function kubeconfigSecret(name: string, kubeconfig: string): Secret {
  const data = { kubeconfig: Buffer.from(kubeconfig).toString('base64') }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: NAMESPACE },
    type: 'Opaque',
    data,
  }
}

function ingressClass(): IngressClass {
  const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: 'nginx', annotations },
    spec: { controller: 'k8s.io/ingress-nginx' },
  }
}

type Container = Deployment['spec']['template']['spec']['containers'][number]

function deployment(
  name: string,
  labels: Readonly<Record<string, string>>,
  secretName: string,
  container: Container,
  podSpec: Partial<Deployment['spec']['template']['spec']>,
): Deployment {
  const volumeMounts = [{ name: 'kubeconfig', mountPath: '/etc/fairlead', readOnly: true }]
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: NAMESPACE, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          ...podSpec,
          containers: [{ ...container, volumeMounts }],
          volumes: [{ name: 'kubeconfig', secret: { secretName, defaultMode: 0o400 } }],
        },
      },
    },
  }
}
