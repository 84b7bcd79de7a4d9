import type { Service } from '#api/core.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import { ip } from '#ip/ip.ts'
import { domainName } from '#wire/dns/name.ts'
import { CLASS_IN, TYPE } from '#wire/dns/record.ts'
import type { Answer } from '../answer.ts'
import { answerCluster } from '../answer-cluster.ts'
import { MutableClusterIndex } from '../cluster-index.ts'

// Addresses in all tests: pods 10.244.0.0/16, services 10.96.0.0/16.
export const zone = {
  zone: domainName('cluster.local'),
  ttlSeconds: 30,
  serverAddresses: [ip('10.244.1.2')],
}
export const http = { name: 'http', port: 80, protocol: 'TCP' as const }
const metrics = { name: 'metrics', port: 9100, protocol: 'TCP' as const }

export function service(name: string, spec: Service['spec']): Service {
  return { metadata: { name, namespace: 'default' }, spec }
}

export function slice(
  serviceName: string,
  endpoints: readonly Endpoint[],
  ports: EndpointSlice['ports'] = [http],
  name = `${serviceName}-abc`,
): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': serviceName }
  const addressType = endpoints[0]?.addresses[0]?.includes(':') ? 'IPv6' : 'IPv4'
  return { metadata: { name, namespace: 'default', labels }, addressType, endpoints, ports }
}

/** A Service of every kind. */
export function createIndex(): MutableClusterIndex {
  const index = new MutableClusterIndex(() => 1_700_000_000_000)
  for (const name of ['default', 'kube-system', 'empty']) index.setNamespace({ metadata: { name } })
  index.setService(service('web', { clusterIP: '10.96.0.20', ports: [http, metrics] }))
  index.setService(
    service('dual', {
      clusterIP: '10.96.0.21',
      clusterIPs: ['10.96.0.21', 'fd00:10:96::21'],
      ports: [{ port: 80 }],
    }),
  )
  index.setService(service('db', { clusterIP: 'None', ports: [http, metrics] }))
  index.setSlice(
    slice(
      'db',
      [
        { addresses: ['10.244.1.7'], conditions: { ready: true }, hostname: 'db-0' },
        { addresses: ['10.244.2.7'], conditions: {} },
        { addresses: ['10.244.3.7'], conditions: { ready: false } },
      ],
      [http, metrics],
    ),
  )
  index.setService(service('six', { clusterIP: 'None' }))
  index.setSlice(slice('six', [{ addresses: ['fd00:10:244::'] }], []))
  index.setService(service('idle', { clusterIP: 'None', ports: [http] }))
  index.setSlice(slice('idle', [{ addresses: ['10.244.3.8'], conditions: { ready: false } }]))
  index.setService(service('ext', { type: 'ExternalName', externalName: 'www.example.com' }))
  index.setService(service('ext-ip', { type: 'ExternalName', externalName: '192.0.2.1' }))
  index.setService(service('shared', { clusterIP: 'None', ports: [http] }))
  index.setSlice(
    slice('shared', [
      { addresses: ['10.244.1.9'], hostname: 'pair' },
      { addresses: ['10.244.2.9'], hostname: 'pair' },
    ]),
  )
  index.isSynced = true
  return index
}

/** What is said to a question of that name and type. */
export function ask(
  name: string,
  type: keyof typeof TYPE,
  index: MutableClusterIndex = createIndex(),
): Answer | undefined {
  return answerCluster({ name: domainName(name), type: TYPE[type], class: CLASS_IN }, index, zone)
}
