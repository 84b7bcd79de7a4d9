import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Protocol, Service } from '#api/core.ts'
import { serviceEnv, servicesFor } from './service-env.ts'

type Port = readonly [port: number, name?: string, protocol?: Protocol]

function service(
  name: string,
  clusterIP: string,
  ports: readonly Port[],
  namespace = 'default',
): Service {
  return {
    metadata: { name, namespace },
    spec: {
      ...(clusterIP ? { clusterIP } : {}),
      ports: ports.map(([port, portName, protocol]) => ({
        port,
        ...(portName ? { name: portName } : {}),
        ...(protocol ? { protocol } : {}),
      })),
    },
  }
}

// The vectors of kubernetes pkg/kubelet/envvars/envvars_test.go, TestFromServices: services and expected variables, in order.
test('serviceEnv() makes the variables that the kubelet makes', () => {
  const services = [
    service('foo-bar', '1.2.3.4', [[8080]]),
    service('abc-123', '5.6.7.8', [
      [8081, 'u-d-p', 'UDP'],
      [8081, 't-c-p', 'TCP'],
    ]),
    service('q-u-u-x', '9.8.7.6', [[8082], [8083, '8083']]),
    service('svrc-clusterip-none', 'None', [[8082]]),
    service('svrc-clusterip-empty', '', [[8082]]),
    service('super-ipv6', '2001:DB8::', [
      [8084, 'u-d-p', 'UDP'],
      [8084, 't-c-p', 'TCP'],
    ]),
    service('sctp-1', '1.2.3.4', [[777, '', 'SCTP']]),
  ]
  const expected = `
FOO_BAR_SERVICE_HOST=1.2.3.4
FOO_BAR_SERVICE_PORT=8080
FOO_BAR_PORT=tcp://1.2.3.4:8080
FOO_BAR_PORT_8080_TCP=tcp://1.2.3.4:8080
FOO_BAR_PORT_8080_TCP_PROTO=tcp
FOO_BAR_PORT_8080_TCP_PORT=8080
FOO_BAR_PORT_8080_TCP_ADDR=1.2.3.4
ABC_123_SERVICE_HOST=5.6.7.8
ABC_123_SERVICE_PORT=8081
ABC_123_SERVICE_PORT_U_D_P=8081
ABC_123_SERVICE_PORT_T_C_P=8081
ABC_123_PORT=udp://5.6.7.8:8081
ABC_123_PORT_8081_UDP=udp://5.6.7.8:8081
ABC_123_PORT_8081_UDP_PROTO=udp
ABC_123_PORT_8081_UDP_PORT=8081
ABC_123_PORT_8081_UDP_ADDR=5.6.7.8
ABC_123_PORT_8081_TCP=tcp://5.6.7.8:8081
ABC_123_PORT_8081_TCP_PROTO=tcp
ABC_123_PORT_8081_TCP_PORT=8081
ABC_123_PORT_8081_TCP_ADDR=5.6.7.8
Q_U_U_X_SERVICE_HOST=9.8.7.6
Q_U_U_X_SERVICE_PORT=8082
Q_U_U_X_SERVICE_PORT_8083=8083
Q_U_U_X_PORT=tcp://9.8.7.6:8082
Q_U_U_X_PORT_8082_TCP=tcp://9.8.7.6:8082
Q_U_U_X_PORT_8082_TCP_PROTO=tcp
Q_U_U_X_PORT_8082_TCP_PORT=8082
Q_U_U_X_PORT_8082_TCP_ADDR=9.8.7.6
Q_U_U_X_PORT_8083_TCP=tcp://9.8.7.6:8083
Q_U_U_X_PORT_8083_TCP_PROTO=tcp
Q_U_U_X_PORT_8083_TCP_PORT=8083
Q_U_U_X_PORT_8083_TCP_ADDR=9.8.7.6
SUPER_IPV6_SERVICE_HOST=2001:DB8::
SUPER_IPV6_SERVICE_PORT=8084
SUPER_IPV6_SERVICE_PORT_U_D_P=8084
SUPER_IPV6_SERVICE_PORT_T_C_P=8084
SUPER_IPV6_PORT=udp://[2001:DB8::]:8084
SUPER_IPV6_PORT_8084_UDP=udp://[2001:DB8::]:8084
SUPER_IPV6_PORT_8084_UDP_PROTO=udp
SUPER_IPV6_PORT_8084_UDP_PORT=8084
SUPER_IPV6_PORT_8084_UDP_ADDR=2001:DB8::
SUPER_IPV6_PORT_8084_TCP=tcp://[2001:DB8::]:8084
SUPER_IPV6_PORT_8084_TCP_PROTO=tcp
SUPER_IPV6_PORT_8084_TCP_PORT=8084
SUPER_IPV6_PORT_8084_TCP_ADDR=2001:DB8::
SCTP_1_SERVICE_HOST=1.2.3.4
SCTP_1_SERVICE_PORT=777
SCTP_1_PORT=sctp://1.2.3.4:777
SCTP_1_PORT_777_SCTP=sctp://1.2.3.4:777
SCTP_1_PORT_777_SCTP_PROTO=sctp
SCTP_1_PORT_777_SCTP_PORT=777
SCTP_1_PORT_777_SCTP_ADDR=1.2.3.4`
  const lines = serviceEnv(services).map(({ name, value }) => `${name}=${value}`)
  assert.deepEqual(lines, expected.trim().split('\n'))
})

// facts/dns.md 3, "Which Services"; Service documentation for names that begin with a digit (relaxed names).
suite('servicesFor() tells a pod of', () => {
  const all = [
    service('kubernetes', '10.96.0.1', [[443]]),
    service('web', '10.96.0.20', [[80]], 'shop'),
    service('other', '10.96.0.21', [[80]], 'elsewhere'),
  ]
  const ownKubernetes = service('kubernetes', '10.96.0.9', [[443]], 'shop')
  const headlessKubernetes = service('kubernetes', 'None', [[443]], 'shop')
  const names = (services: readonly Service[], enableServiceLinks: boolean) =>
    servicesFor({ namespace: 'shop', enableServiceLinks }, services).map(
      ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
    )
  const cases = [
    {
      name: 'its own namespace and the API',
      services: all,
      links: true,
      want: ['default/kubernetes', 'shop/web'],
    },
    {
      name: 'only the API without service links',
      services: all,
      links: false,
      want: ['default/kubernetes'],
    },
    {
      name: 'its own `kubernetes` in place of the API',
      services: [...all, ownKubernetes],
      links: true,
      want: ['shop/kubernetes', 'shop/web'],
    },
    {
      name: 'the API where its own `kubernetes` has no address',
      services: [...all, headlessKubernetes],
      links: true,
      want: ['default/kubernetes', 'shop/kubernetes', 'shop/web'],
    },
  ]
  for (const { name, services, links, want } of cases)
    test(name, () => assert.deepEqual(names(services, links), want))
})
