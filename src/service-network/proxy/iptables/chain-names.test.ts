import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import type { Protocol, ProxiedEndpoint, ProxiedPort, ProxiedService } from '../../model.ts'
import { endpointText, namesOf } from './chain-names.ts'

/** facts/services.md 2.0; the names of kube-dns and kubernetes are those of every cluster of kube-proxy's. */
const rows: readonly {
  readonly name: string
  readonly layout: 'modern' | 'classic'
  readonly service: string
  readonly protocol?: Protocol
  readonly want: string
}[] = [
  {
    name: 'kubernetes',
    layout: 'modern',
    service: 'default/kubernetes:https',
    want: 'NPX46M4PTMTKRN6Y',
  },
  {
    name: 'DNS, UDP',
    layout: 'modern',
    service: 'kube-system/kube-dns:dns',
    protocol: 'udp',
    want: 'TCOU7JCQXEZGVUNU',
  },
  {
    name: 'DNS, TCP',
    layout: 'modern',
    service: 'kube-system/kube-dns:dns-tcp',
    want: 'ERIFXISQEP7F7OF4',
  },
  {
    name: 'metrics of DNS',
    layout: 'modern',
    service: 'kube-system/kube-dns:metrics',
    want: 'JD5MR3NA4I4DYORP',
  },
  {
    name: 'a port without a name',
    layout: 'modern',
    service: 'default/nginx:',
    want: '2CMXP7HKUVJN7L6M',
  },
  {
    name: 'the same of before',
    layout: 'classic',
    service: 'default/nginx:',
    want: '4N57TFCL4MD7ZTDA',
  },
  // The tutorial's dump.
  {
    name: 'a named port of before',
    layout: 'classic',
    service: 'default/wrinkled-crocodile-selenium-hub:hub',
    want: 'SI6MMWWVN6LUBWIY',
  },
]

const endpoints = [
  { layout: 'classic', address: '172.16.2.125', want: 'KUBE-SEP-ZWDBLNQ3XRBMUP33' },
  { layout: 'classic', address: '172.16.2.229', want: 'KUBE-SEP-H2XFNPZ6MLIHFOVM' },
  { layout: 'modern', address: '172.16.2.125', want: 'KUBE-SEP-LXJBBIB4QLELLP7V' },
  { layout: 'modern', address: '172.16.2.229', want: 'KUBE-SEP-WRHVFJBRUUDYFOMX' },
] as const

function names(service: string, protocol: Protocol, layout: 'modern' | 'classic') {
  const [, namespace = '', name = '', port = ''] = /^(.*)\/(.*):(.*)$/.exec(service) ?? []
  const of = { namespace, name } as ProxiedService
  return namesOf(of, { name: port, protocol } as ProxiedPort, { layout })
}

suite('namesOf()', () => {
  for (const { name, layout, service, protocol = 'tcp', want } of rows) {
    test(`${name} (${layout})`, () => {
      const { cluster, firewall, external } = names(service, protocol, layout)
      assert.deepEqual(
        [cluster, firewall, external],
        [`KUBE-SVC-${want}`, `KUBE-FW-${want}`, `KUBE-EXT-${want}`],
      )
    })
  }
  for (const { layout, address, want } of endpoints) {
    test(`endpoint ${address} (${layout})`, () => {
      const endpoint: ProxiedEndpoint = { ip: ip(address), port: 80 }
      assert.equal(names('default/nginx:', 'tcp', layout).endpoint(endpoint), want)
    })
  }
  test('an endpoint of IPv6 is in brackets', () => {
    assert.equal(endpointText({ ip: ip('fd00::7'), port: 80 }), '[fd00::7]:80')
  })
})
