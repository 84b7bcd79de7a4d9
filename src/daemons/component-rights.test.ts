import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { authorizeComponents } from './component-rights.ts'

const node = { name: 'system:node:node1', groups: ['system:nodes', 'system:authenticated'] }
const dns = { name: 'system:fairlead:dns', groups: ['system:authenticated'] }
const ingress = { name: 'system:fairlead:ingress', groups: ['system:authenticated'] }
const admin = { name: 'kubernetes-admin', groups: ['system:masters'] }
const stranger = { name: 'system:stranger', groups: ['system:authenticated'] }

suite('authorizeComponents()', () => {
  const cases = [
    {
      name: 'an administrator may do all',
      user: admin,
      verb: 'delete',
      plural: 'nodes',
      want: true,
    },
    { name: 'a node reads one secret', user: node, verb: 'get', plural: 'secrets', want: true },
    {
      name: 'a node does not list secrets',
      user: node,
      verb: 'list',
      plural: 'secrets',
      want: false,
    },
    {
      name: 'a node writes the status of a pod',
      user: node,
      verb: 'patch',
      plural: 'pods',
      subresource: 'status',
      want: true,
    },
    { name: 'a node does not write a pod', user: node, verb: 'patch', plural: 'pods', want: false },
    {
      name: 'a node renews its lease',
      user: node,
      verb: 'patch',
      plural: 'leases',
      namespace: 'kube-node-lease',
      want: true,
    },
    {
      name: 'a node takes no other lease',
      user: node,
      verb: 'patch',
      plural: 'leases',
      namespace: 'kube-system',
      want: false,
    },
    { name: 'DNS watches services', user: dns, verb: 'watch', plural: 'services', want: true },
    { name: 'DNS reads no secrets', user: dns, verb: 'get', plural: 'secrets', want: false },
    {
      name: 'Ingress writes the status of an Ingress',
      user: ingress,
      verb: 'patch',
      plural: 'ingresses',
      subresource: 'status',
      want: true,
    },
    {
      name: 'Ingress does not write an Ingress',
      user: ingress,
      verb: 'patch',
      plural: 'ingresses',
      want: false,
    },
    {
      name: 'a name in system: alone gives nothing',
      user: stranger,
      verb: 'list',
      plural: 'pods',
      want: false,
    },
  ]
  for (const { name, user, want, ...rest } of cases) {
    test(name, async () =>
      assert.equal(await authorizeComponents(user, { group: '', ...rest }), want),
    )
  }
})
