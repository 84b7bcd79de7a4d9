import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { checkOptions, defaults, diffOptions, planAddresses } from './options.ts'

suite('planAddresses()', () => {
  test('gives the address plan of design.md', () => {
    const plan = planAddresses(defaults)
    assert.equal(plan.controlPlane, '172.30.0.2')
    assert.deepEqual(plan.nodes, [
      { name: 'node1', ip: '172.30.0.11' },
      { name: 'node2', ip: '172.30.0.12' },
      { name: 'node3', ip: '172.30.0.13' },
    ])
    assert.equal(plan.outside, '172.30.0.254')
    assert.equal(plan.kubernetesService, '10.96.0.1')
    assert.equal(plan.dnsService, '10.96.0.10')
    assert.deepEqual(plan.loadBalancerPool, { first: '172.30.0.200', last: '172.30.0.250' })
  })
})

suite('checkOptions()', () => {
  const cases = [
    { name: 'the defaults', options: {}, want: [] },
    { name: 'no node', options: { nodes: 0 }, want: [/--nodes 0: a cluster has 1 to 100 nodes/] },
    { name: 'a name that leads elsewhere', options: { name: '../x' }, want: [/--name \.\.\/x/] },
    { name: 'a name of 33 letters', options: { name: 'a'.repeat(33) }, want: [/1 to 32/] },
    {
      name: 'host bits',
      options: { podCIDR: '10.244.0.1/16' },
      want: [/--pod-cidr .* is not an IPv4 network/],
    },
    {
      name: 'overlap',
      options: { serviceCIDR: '10.244.1.0/24' },
      want: [/--pod-cidr .* overlaps with --service-cidr/],
    },
    { name: 'a small node network', options: { nodeCIDR: '172.30.0.0/25' }, want: [/too small/] },
    {
      name: 'a nameserver that is a name',
      options: { dnsUpstream: ['dns.example'] },
      want: [/--dns-upstream dns\.example/],
    },
    {
      name: 'nameservers on two networks',
      options: { dnsUpstream: ['172.30.0.254', '192.0.2.1'] },
      want: [/some are on the node network/],
    },
  ]
  for (const { name, options, want } of cases) {
    test(name, () => {
      const problems = checkOptions({ ...defaults, ...options })
      assert.equal(problems.length, want.length, problems.join('\n'))
      for (const [i, pattern] of want.entries()) assert.match(problems[i]!, pattern)
    })
  }
})

suite('diffOptions()', () => {
  test('looks only at what was asked for', () => {
    assert.deepEqual(diffOptions(defaults, {}), [])
    assert.deepEqual(diffOptions(defaults, { nodes: 3 }), [])
    assert.deepEqual(diffOptions(defaults, { nodes: 5 }), ['--nodes 3 (asked: 5)'])
    assert.deepEqual(diffOptions(defaults, { apiPort: 7000 }), ['--api-port unset (asked: 7000)'])
  })
})
