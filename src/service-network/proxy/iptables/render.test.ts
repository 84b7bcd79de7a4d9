import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { planServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { planProxy } from './plan-proxy.ts'
import { renderChanges } from './render.ts'
import { planFullSync } from './saved-rules.ts'
import { settingsOf } from './settings.ts'
import { UPSTREAM_RULES } from './testing/upstream-rules.ts'

const OPTIONS = {
  nodeName: 'test-host',
  nodeIP: ip('192.168.0.2'),
  podCIDR: cidr('10.0.0.0/8'),
  serviceCIDR: cidr('172.30.0.0/16'),
  podDevice: 'cni0',
  allowExternalIPs: true,
}

type Spec = Parameters<typeof serviceOf>[1]

function service(number: number, { ports = portOf(80, { name: 'p80' }), ...spec }: Spec): Service {
  const made = serviceOf(`svc${number}`, { clusterIP: `172.30.0.4${number}`, ports, ...spec })
  return { ...made, metadata: { ...made.metadata, namespace: `ns${number}` } }
}

function slice(number: number, endpoints: EndpointSlice['endpoints']): EndpointSlice {
  const made = sliceOf(`svc${number}`, endpoints ?? [], ['p80=80'])
  return { ...made, metadata: { ...made.metadata, namespace: `ns${number}` } }
}

const SERVICES: readonly Service[] = [
  service(1, {}),
  service(2, {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    ports: portOf(80, { name: 'p80', nodePort: 3001 }),
    loadBalancerIPs: ['1.2.3.4'],
    externalIPs: ['192.168.99.22'],
    healthCheckNodePort: 30_000,
  }),
  service(3, { type: 'NodePort', ports: portOf(80, { name: 'p80', nodePort: 3003 }) }),
  service(4, { type: 'NodePort', externalIPs: ['192.168.99.33'] }),
  service(5, {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Cluster',
    ports: portOf(80, { name: 'p80', nodePort: 3002 }),
    loadBalancerIPs: ['5.6.7.8'],
    healthCheckNodePort: 30_000,
    loadBalancerSourceRanges: [' 203.0.113.0/25'],
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
  }),
  service(6, {}),
]

const SLICES: readonly EndpointSlice[] = [
  slice(1, [{ addresses: ['10.180.0.1'] }]),
  slice(2, [{ addresses: ['10.180.0.2'] }]),
  slice(3, [{ addresses: ['10.180.0.3'] }]),
  slice(4, [{ addresses: ['10.180.0.4'] }, { addresses: ['10.180.0.5'], nodeName: 'test-host' }]),
  slice(5, [{ addresses: ['10.180.0.3'] }]),
]

/** Rules by table and chain. */
function chainsOf(script: string): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>()
  let table = ''
  for (const line of script.split('\n')) {
    if (line.startsWith('*')) table = line
    const [, chain] = /^-A (\S+)/.exec(line) ?? []
    if (chain) chains.set(`${table} ${chain}`, [...(chains.get(`${table} ${chain}`) ?? []), line])
  }
  return chains
}

function render(services = SERVICES, slices = SLICES, hasAccounts = true): string {
  const plan = planProxy(
    planServiceModel(services, slices, OPTIONS),
    settingsOf(OPTIONS, hasAccounts),
  )
  return renderChanges(planFullSync(plan, new Map()))
}

suite('renderChanges()', () => {
  test("gives kube-proxy's rules", () => {
    // Its fake iptables was too old for the option.
    const script = render().replaceAll(' --random-fully', '')
    const [found, wanted] = [chainsOf(script), chainsOf(UPSTREAM_RULES)]
    assert.deepEqual([...found.keys()].sort(), [...wanted.keys()].sort())
    for (const [chain, rules] of wanted) assert.deepEqual(found.get(chain), rules, chain)
  })

  test('puts jumps before all that is there, the last first', () => {
    const jumps = render().match(/^-I .*$/gm)
    assert.equal(jumps?.length, 14)
    assert.equal(
      jumps[0],
      '-I INPUT 1 -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES',
    )
  })

  test('no text of users is more than a comment', () => {
    const name = 'x" -j ACCEPT\nCOMMIT\n*raw\n'
    const hostile = serviceOf(name, {
      clusterIP: '172.30.0.66',
      ports: portOf(80, { name: '\\"' }),
    })
    const script = render(
      [hostile, serviceOf('y'.repeat(9000), { clusterIP: '172.30.0.67', ports: portOf(80) })],
      [],
    )
    assert.doesNotMatch(script, /^\*raw|^ ?-j ACCEPT/m)
    assert.match(
      script,
      /--comment "default\/x\\" -j ACCEPT\?COMMIT\?\*raw\?:\\\\\\" has no endpoints"/,
    )
    for (const line of script.split('\n')) assert.ok(line.length < 600)
  })
})
