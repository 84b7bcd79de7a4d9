import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { proxyOptionsOf, readClusterProxyConfig } from './proxy-config.ts'

function read(text: string) {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-proxy-config-'))
  try {
    const file = join(folder, 'config.yaml')
    writeFileSync(file, text)
    return readClusterProxyConfig(file)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

// Source of the fields: k8s.io/kube-proxy config/v1alpha1/types.go.
const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n'

suite('up --proxy-config', () => {
  test('takes mode, scheduler, strictARP, nodePort addresses and the like', () => {
    const { json, mode, ignored } = read(`${HEAD}
mode: ipvs
ipvs: {scheduler: lc, strictARP: false, syncPeriod: 10s}
nodePortAddresses: [172.30.0.0/24, localhost]
iptables: {masqueradeAll: true, localhostNodePorts: false}
`)
    assert.equal(mode, 'ipvs')
    assert.deepEqual(ignored, [])
    assert.deepEqual(proxyOptionsOf('ipvs', json), {
      nodePortAddresses: [{ address: '172.30.0.0', prefixLength: 24 }, 'localhost'],
      masqueradeAll: true,
      checkIntervalMs: 10_000,
      iptables: { localhostNodePorts: false },
      ipvs: { scheduler: 'lc', strictARP: false },
    })
  })

  test('tells of what is the cluster’s to say, and is silent about what is empty', () => {
    const { json, mode, ignored } = read(
      `${HEAD}mode: ""\nclusterCIDR: 10.0.0.0/8\nhealthzBindAddress: ""\nconntrack: {min: null, maxPerCore: 7}\n`,
    )
    assert.equal(mode, undefined)
    assert.deepEqual(ignored, ['clusterCIDR', 'conntrack.maxPerCore'])
    const unmasked = read(`${HEAD}nftables: {masqueradeAll: false}\n`).json
    assert.deepEqual(proxyOptionsOf('nftables', unmasked), proxyOptionsOf('nftables'))
    // Beside the announcer of layer 4, strictARP is what one sets beside MetalLB.
    assert.deepEqual(proxyOptionsOf('nftables', json), {
      ipvs: { scheduler: 'rr', strictARP: true },
    })
  })

  for (const { name, text, message } of [
    { name: 'another kind', text: 'kind: Pod\n', message: /KubeProxyConfiguration is read/ },
    { name: 'no object', text: '7\n', message: /^Cannot read configuration .*it is no object$/ },
    { name: 'a mode that is none', text: `${HEAD}mode: ebpf\n`, message: /it is none of nftables/ },
    {
      name: 'a scheduler that is no text',
      text: `${HEAD}ipvs: {scheduler: 7}\n`,
      message: /ipvs\.scheduler 7/,
    },
  ])
    test(`refuses ${name}`, () => assert.throws(() => read(text), { name: 'TypeError', message }))
})
