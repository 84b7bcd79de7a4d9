import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { planServiceModel } from '../../model.ts'
import { renderChains, renderChanges } from '../chains/chain-script.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, OPTIONS } from '../testing/packet-flows.ts'
import { planPortals, REFUSALS } from './plan-portals.ts'

const script = (
  service: ReturnType<typeof serviceOf>,
  slices: Parameters<typeof planServiceModel>[1],
  { port, options = OPTIONS }: { port: number; options?: Parameters<typeof planPortals>[2] },
) => {
  const model = planServiceModel([service], slices, { ...options, allowExternalIPs: true })
  return renderChains(
    planPortals(model, () => port, options),
    new Map(),
    4,
  ).split('\n')
}
/** Without ours, and without the lines that make chains and jumps. */
const upstreams = (lines: readonly string[]) =>
  lines.filter((line) => line.startsWith('-A KUBE') && !line.includes(REFUSALS))

suite('planPortals() writes what kube-proxy wrote', () => {
  test('for a ClusterIP', () => {
    // kubernetes.io/docs, "Debug Services", "Userspace": iptables-save | grep hostnames
    const nodeIP = ip('10.240.115.247')
    const service = serviceOf('hostnames', {
      clusterIP: '10.0.1.175',
      ports: portOf(80, { name: 'default' }),
    })
    const lines = script(service, [sliceOf('hostnames', [A], ['default=9376'])], {
      port: 48577,
      options: { ...OPTIONS, nodeIP },
    })
    assert.deepEqual(upstreams(lines), [
      '-A KUBE-PORTALS-CONTAINER -d 10.0.1.175/32 -p tcp -m comment --comment default/hostnames:default -m tcp --dport 80 -j REDIRECT --to-ports 48577',
      '-A KUBE-PORTALS-HOST -d 10.0.1.175/32 -p tcp -m comment --comment default/hostnames:default -m tcp --dport 80 -j DNAT --to-destination 10.240.115.247:48577',
    ])
  })

  test('for a nodePort', () => {
    // k/k pkg/proxy/userspace/proxier.go (1.25): iptablesContainerPortalArgs, iptablesHostNodePortArgs, iptablesNonLocalNodePortArgs
    const service = serviceOf('ssh', {
      type: 'NodePort',
      clusterIP: '10.96.0.7',
      ports: portOf(2222, { nodePort: 30239 }),
    })
    const lines = upstreams(script(service, [sliceOf('ssh', [A])], { port: 36463 }))
    assert.deepEqual(
      lines.filter((line) => line.includes('NODEPORT')),
      [
        '-A KUBE-NODEPORT-CONTAINER -p tcp -m comment --comment default/ssh -m tcp --dport 30239 -j REDIRECT --to-ports 36463',
        '-A KUBE-NODEPORT-HOST -p tcp -m comment --comment default/ssh -m tcp --dport 30239 -j DNAT --to-destination 172.30.0.11:36463',
        '-A KUBE-NODEPORT-NON-LOCAL -p tcp -m comment --comment default/ssh -m tcp --dport 36463 -m state --state NEW -j ACCEPT',
      ],
    )
  })

  test('for an external IP', () => {
    // The same file: openOnePortal() of a portal that isExternal
    const service = serviceOf('ext', {
      clusterIP: '10.96.0.8',
      ports: portOf(80),
      externalIPs: ['203.0.113.7'],
    })
    const lines = upstreams(script(service, [sliceOf('ext', [A])], { port: 40000 }))
    const common = '-d 203.0.113.7/32 -p tcp -m comment --comment default/ext -m tcp --dport 80'
    assert.deepEqual(
      lines.filter((line) => line.includes('203.0.113.7')),
      [
        `-A KUBE-PORTALS-CONTAINER ${common} -m physdev ! --physdev-is-in -j REDIRECT --to-ports 40000`,
        `-A KUBE-PORTALS-CONTAINER ${common} -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 40000`,
        `-A KUBE-PORTALS-HOST ${common} -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.30.0.11:40000`,
      ],
    )
  })

  test('for the jumps', () => {
    // The same file: iptablesInit()
    const lines = script(serviceOf('none', { clusterIP: 'None' }), [], { port: 0 })
    assert.deepEqual(
      lines.filter((line) => /^-[IA] (PREROUTING|OUTPUT|INPUT) .*KUBE/.test(line)),
      [
        '-I PREROUTING 1 -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" -j KUBE-PORTALS-CONTAINER',
        '-I OUTPUT 1 -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" -j KUBE-PORTALS-HOST',
        '-A PREROUTING -m addrtype --dst-type LOCAL -m comment --comment "handle service NodePorts; NOTE: this must be the last rule in the chain" -j KUBE-NODEPORT-CONTAINER',
        '-A OUTPUT -m addrtype --dst-type LOCAL -m comment --comment "handle service NodePorts; NOTE: this must be the last rule in the chain" -j KUBE-NODEPORT-HOST',
        '-I INPUT 1 -m comment --comment "Ensure that non-local NodePort traffic can flow" -j KUBE-NODEPORT-NON-LOCAL',
      ],
    )
  })
})

test('planPortals() speaks IPv6', () => {
  const options = {
    nodeName: 'node1',
    nodeIP: ip('fd00:172:30::11'),
    podCIDR: cidr('fd00:10:244::/56'),
    serviceCIDR: cidr('fd00:10:96::/112'),
    podDevice: 'cni0',
  }
  const service = serviceOf('web', { clusterIP: 'fd00:10:96::20', ports: portOf(80) })
  const slice = { ...sliceOf('web', ['fd00:10:244:1::7']), addressType: 'IPv6' as const }
  const model = planServiceModel([service], [slice], options)
  const lines = renderChains(
    planPortals(model, () => 40000, options),
    new Map(),
    6,
  )
  assert.match(
    lines,
    /-A KUBE-PORTALS-CONTAINER -d fd00:10:96::20\/128 .* -j REDIRECT --to-ports 40000/,
  )
  assert.match(lines, /-A KUBE-PORTALS-HOST .* --to-destination "\[fd00:172:30::11\]:40000"/)
})

test('a port that there was no room for a relay for is refused at once', () => {
  const model = planServiceModel(
    [serviceOf('late', { clusterIP: '10.96.0.9', ports: portOf(80) })],
    [sliceOf('late', [A])],
    OPTIONS,
  )
  const plan = planPortals(model, () => undefined, OPTIONS)
  const lines = renderChains(plan, new Map(), 4)
    .split('\n')
    .filter((line) => line.includes('10.96.0.9'))
  // iptables-extensions(8), REJECT: what a port that nobody listens on answers.
  assert.deepEqual(lines, [
    `-A ${REFUSALS} -d 10.96.0.9/32 -p tcp -m comment --comment "default/late has no relay" -m tcp --dport 80 -j REJECT --reject-with tcp-reset`,
  ])
})

test('a change costs the lines that it changes', () => {
  const plan = (...names: readonly string[]) =>
    planPortals(
      planServiceModel(
        names.map((name, i) =>
          serviceOf(name, { clusterIP: `10.96.0.${i + 1}`, ports: portOf(80) }),
        ),
        names.map((name) => sliceOf(name, [A])),
        OPTIONS,
      ),
      (key) =>
        key === 'default/a/tcp/cluster'
          ? 40000
          : key === 'default/b/tcp/cluster'
            ? 40001
            : undefined,
      OPTIONS,
    )
  const changes = renderChanges(plan('a'), plan('a', 'b'), 4).split('\n')
  assert.equal(changes.filter((line) => line.startsWith('-A ')).length, 3)
  assert.equal(renderChanges(plan('a'), plan('a'), 4), '')
  const undone = renderChanges(plan('a', 'b'), plan('a'), 4).split('\n')
  assert.equal(undone.filter((line) => line.startsWith('-D ')).length, 3)
})
